/** Carries out `work` once for all who ask while nothing is under way, and once more for all who ask meanwhile. */
export function oneAtATime(work: () => Promise<void>): () => void {
  let isUnderWay = false;
  let isAskedFor = false;
  async function go(): Promise<void> {
    isUnderWay = true;
    while (isAskedFor) {
      isAskedFor = false;
      await work();
    }
    isUnderWay = false;
  }
  return () => {
    isAskedFor = true;
    if (!isUnderWay) void go();
  };
}
