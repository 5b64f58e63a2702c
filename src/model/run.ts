/** What JSON can carry: the only values that cross from a workflow into its history and its answers. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The HTTP status that a caller who waits for a failed run is answered with. */
export type FailureStatus = 404 | 500;

/** How one execution of a workflow ended. */
export type Outcome =
  | { readonly status: "success"; readonly outputs: Json }
  | { readonly status: "skipped"; readonly reason: string }
  | {
      readonly status: "failure";
      readonly reason: string;
      readonly http: FailureStatus;
      /** `permanent`: a person must act. `transient`: time may help. `limit`: not before `notBefore`. */
      readonly kind: "permanent" | "transient" | "limit";
      /** Epoch milliseconds; only with `limit`. */
      readonly notBefore?: number;
    };
