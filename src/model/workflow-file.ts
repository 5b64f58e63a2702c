/** A file of WORKFLOWS_DIR that brings no workflow. */
export type BrokenFile = {
  readonly file: string;
  /** Everything that is wrong with it: the field and what to write there, or why it could not be loaded and where. */
  readonly problems: readonly string[];
};

/** The file of a workflow, to find it in a stack. */
export type WorkflowSource = {
  /** Its name in WORKFLOWS_DIR. */
  readonly file: string;
  /** The same as Node names it: absolute, and where symbolic links lead to. */
  readonly path: string;
  /** The folder that it lies in, of the same kind. */
  readonly folder: string;
};
