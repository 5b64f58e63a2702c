import type { Access, Identified, Identify, TryLater } from "../model/access.ts";
import type { Credential } from "../model/credential.ts";
import { credentialIn, presentedToken } from "./identify.ts";
import type { SlowDown } from "./slow-down.ts";

/**
 * Slows down an address after wrong credentials in `Authorization`. Sessions are exempt, because they cannot be
 * guessed.
 */
export function slowedAccess(access: Access, slow: SlowDown): Access {
  return {
    get isOpen() {
      return access.isOpen;
    },
    identify: inTurn(access.identify, slow),
    identifyWith: (tokens) => inTurn(access.identifyWith(tokens), slow),
  };
}

function inTurn(identify: Identify, slow: SlowDown): Identify {
  return (presented) => {
    const { authorization, address } = presented;
    if (!authorization) return identify(presented);
    const named = (found: Identified | TryLater): Identified =>
      "credential" in found || found.status === "known" ? found : { ...found, credential: credentialIn(authorization) };
    const found = slow.checked(address, presentedToken(authorization), () => identify(presented), resultOf);
    return found instanceof Promise ? found.then(named) : named(found);
  };
}

/** A caller with a session, or one that a proxy names, may also send a wrong `Authorization` header. */
function resultOf(found: Identified) {
  if (found.status !== "known") return found.status === "unknown" ? "wrong" : "unchecked";
  return BY_AUTHORIZATION.includes(found.principal.via) ? "right" : "beside";
}

/** With `none`, everyone may do everything, and no credential is checked. */
const BY_AUTHORIZATION: readonly Credential[] = ["bearer", "basic", "oidc_token", "none"];
