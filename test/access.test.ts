import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openAccess, type Way } from "../src/access/identify.ts";
import {
  type Grant,
  grantOf,
  type Identified,
  may,
  mayRead,
  type Permission,
  type Presented,
  roleOf,
  rolesWith,
  whyForbidden,
  workflowsFor,
} from "../src/model/access.ts";
import { ROLES } from "../src/model/who.ts";

const PERMISSIONS: readonly Permission[] = ["self", "call", "read", "read-all", "operate", "operate-all"];

describe("a role", () => {
  for (const [role, permissions] of [
    ["caller", ["self", "call"]],
    ["viewer", ["self", "read", "read-all"]],
    ["operator", PERMISSIONS],
  ] as const) {
    it(`${role}: ${permissions.join(", ")}`, () => {
      assert.deepEqual(
        PERMISSIONS.filter((each) => may([{ role }], each)),
        permissions,
      );
    });
  }

  it("limited to workflows has no permission for the whole service", () => {
    for (const role of ROLES) {
      const grants = [grantOf(`${role}@environment-ready+Deploy`)];
      assert.deepEqual([may(grants, "read-all"), may(grants, "operate-all")], [false, false]);
    }
    const caller = [grantOf("caller@environment-ready+Deploy")];
    assert.deepEqual(workflowsFor(caller, "call"), ["environment-ready", "Deploy"]);
    assert.deepEqual(workflowsFor(caller, "read"), []);
    assert.deepEqual(
      ["environment-ready", "Deploy", "deploy"].map((each) => may(caller, "call", each)),
      [true, true, false],
    );
    assert.equal(may([{ role: "caller" }], "call", "anything"), true);
  });

  it("lists the roles that have a permission", () => {
    assert.deepEqual(rolesWith("read"), ["viewer", "operator"]);
    assert.deepEqual(rolesWith("operate-all"), ["operator"]);
  });
});

describe("a grant in a setting", () => {
  it("is a role, or a role with its workflows", () => {
    assert.deepEqual(grantOf("viewer"), { role: "viewer" });
    assert.deepEqual(grantOf("caller@a+b-2"), { role: "caller", workflows: ["a", "b-2"] });
  });

  it("is rejected with what was expected", () => {
    assert.throws(() => grantOf("admin"), /expected one of the roles caller, viewer, operator, got "admin"/);
    for (const text of ["caller@", "caller@a+", "caller@a b", "caller@a@b"])
      assert.throws(() => grantOf(text), /expected names of workflows after caller@, separated by \+/, text);
  });

  it("adds to the others of the same person", () => {
    const grants = [grantOf("viewer"), grantOf("operator@shop"), grantOf("operator@web+shop")];
    assert.equal(workflowsFor(grants, "read"), undefined);
    assert.equal(may(grants, "read-all"), true);
    assert.deepEqual(workflowsFor(grants, "operate"), ["shop", "web"]);
    assert.deepEqual(
      [may(grants, "operate", "shop"), may(grants, "operate", "other"), may(grants, "operate-all")],
      [true, false, false],
    );
    assert.deepEqual([roleOf(grants), roleOf([])], ["operator", undefined]);
  });
});

const who = (grants: readonly Grant[], actor = "token ci") => ({ grants, actor, via: "bearer", address: "" }) as const;

it("a rejected caller reads who they are, which permission is missing and who has it", () => {
  const why = (grant: string, permission: Permission, workflow?: string) =>
    whyForbidden(who([grantOf(grant)]), permission, workflow);
  assert.equal(why("caller", "read"), "token ci is a caller; this needs a viewer or an operator.");
  assert.equal(
    whyForbidden(who([], "user eve"), "self"),
    "user eve has no role; this needs a caller, a viewer or an operator.",
  );
  assert.equal(why("viewer", "operate"), "token ci is a viewer; this needs an operator.");
  assert.equal(
    why("operator@a+b+c", "operate", "d"),
    "token ci is an operator of a, b and c; this needs an operator of d.",
  );
  for (const workflow of [undefined, "*"]) {
    assert.equal(
      why("operator@a", "operate-all", workflow),
      "token ci is an operator of a; this concerns all workflows and needs an operator without a limit.",
    );
  }
  assert.equal(
    whyForbidden(who([grantOf("caller"), grantOf("viewer@a")]), "read-all"),
    "token ci is a caller and a viewer of a; this concerns all workflows and needs a viewer or an operator without a limit.",
  );
});

it("a caller may read the runs that it started, and no others", () => {
  const run = { workflow: "deploy", actor: "token ci" };
  assert.equal(mayRead(who([grantOf("caller")]), run), true);
  assert.equal(mayRead(who([grantOf("caller")], "token other"), run), false);
  assert.equal(mayRead(who([grantOf("viewer@deploy")], "token other"), run), true);
  assert.equal(mayRead(who([grantOf("viewer@release")], "token other"), run), false);
});

describe("the caller of a request", () => {
  const token = { text: "s3cret", actor: "token ci", grants: [grantOf("caller")] };
  const presented = (given: Partial<Presented>): Presented => ({
    ...{ authorization: undefined, session: undefined, address: "192.0.2.1", peer: "", rawHeaders: [] },
    ...given,
  });
  const known = (actor: string): Identified => ({ status: "known", principal: who([], actor) });

  it("is anonymous and may do everything while no way to authenticate is set up", async () => {
    const { identify, isOpen } = openAccess([]);
    assert.equal(isOpen, true);
    const found = await identify(presented({}));
    assert.deepEqual(found.status === "known" && found.principal, {
      ...{ grants: [{ role: "operator" }], actor: "anonymous", via: "none", address: "192.0.2.1" },
    });
    assert.equal((await openAccess([], [() => undefined]).identify(presented({}))).status, "unknown");
  });

  it("is known by a token without waiting, otherwise by the first way that knows the caller", async () => {
    const asked: string[] = [];
    const way =
      (name: string, found: ReturnType<Way>): Way =>
      (presented) => {
        asked.push(`${name} ${presented.session ?? ""}`.trim());
        return found;
      };
    const { identify } = openAccess(
      [token],
      [way("first", undefined), way("second", Promise.resolve(undefined)), way("third", known("user alice"))],
    );
    const found = identify(presented({ authorization: "Bearer s3cret" }));
    assert.ok(!(found instanceof Promise));
    assert.deepEqual(found.status === "known" && found.principal, {
      ...{ grants: token.grants, actor: "token ci", via: "bearer", address: "192.0.2.1" },
    });
    assert.deepEqual(asked, []);
    assert.deepEqual(await identify(presented({ session: "s" })), known("user alice"));
    assert.deepEqual(asked, ["first s", "second s", "third s"]);
  });

  it("gets the most helpful reason of all failed ways", async () => {
    const busy = { status: "later", credential: "bearer", http: 503, reason: "down", retryAfterSeconds: 5 } as const;
    const wrong = { status: "unknown", credential: "oidc_token", reason: "it has expired" } as never as Identified;
    const tell = (...ways: readonly Way[]) =>
      openAccess([token], ways).identify(presented({ authorization: "Bearer x" }));
    assert.deepEqual(await tell(), { status: "unknown", credential: "bearer", reason: undefined });
    assert.deepEqual(await tell(() => wrong), wrong);
    assert.deepEqual(
      await tell(
        () => wrong,
        async () => busy,
      ),
      busy,
    );
    assert.deepEqual(
      await tell(
        async () => busy,
        () => wrong,
      ),
      busy,
    );
    assert.deepEqual(await openAccess([token]).identify(presented({})), { status: "unknown", credential: "none" });
  });

  it("is known only by the tokens of a path that has some, and by none after they were lost", async () => {
    const its = { text: "path-s3cret", actor: "token of HOOK", grants: [grantOf("caller@a")] };
    const { identifyWith } = openAccess([token]);
    const status = async (tokens: readonly (typeof its)[], text: string) =>
      (await identifyWith(() => tokens)(presented({ authorization: `Bearer ${text}` }))).status;
    assert.deepEqual(
      [await status([its], its.text), await status([its], token.text), await status([], token.text)],
      ["known", "unknown", "unknown"],
    );
  });
});
