import type { NotYet } from "./budget.ts";
import type { Gate } from "./gate.ts";

/**
 * The gate for GraphQL. GitHub counts GraphQL's points separately. It counts everything else together with the
 * account's other requests: created content, requests in flight, and secondary limits. So a request passes two gates.
 * @see https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
 */
export function graphQLGate(counted: Gate, shared: Gate): Pick<Gate, "pass"> {
  return {
    async pass(kind, send, { name }) {
      let held: NotYet | undefined;
      let sharedEnd: number | undefined;
      const sendThrough = async (begin: () => void) => {
        const both = (beginShared: () => void) =>
          send(() => {
            begin();
            beginShared();
          });
        const passed = await shared.pass(kind, both, { name, isShared: true });
        if ("answer" in passed) {
          sharedEnd = passed.notBefore;
          return passed.answer;
        }
        held = passed;
        throw HELD;
      };
      try {
        const passed = await counted.pass(kind, sendThrough, { name });
        if (!("answer" in passed)) return { ...passed, why: `for GraphQL, ${passed.why}` };
        return { ...passed, notBefore: passed.notBefore ?? sharedEnd };
      } catch (error) {
        if (error === HELD && held) return held;
        throw error;
      }
    },
  };
}

const HELD = new Error("held by the other gate");
