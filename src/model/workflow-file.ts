/** A file of WORKFLOWS_DIR that defines no workflow. */
export type BrokenFile = {
  readonly file: string;
  /** Everything that is wrong with it: the field and what to write there, or why it could not be loaded and where. */
  readonly problems: readonly string[];
};

/** The file of a workflow, to find it in a stack. */
export type WorkflowSource = {
  /** Its name in WORKFLOWS_DIR. */
  readonly file: string;
  /** Its path as Node names it: absolute, with symbolic links resolved. */
  readonly path: string;
  /** Its folder, as Node names it. */
  readonly folder: string;
};
