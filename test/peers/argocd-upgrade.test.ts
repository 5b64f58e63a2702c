import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { documentOf } from "../support/documents.ts";
import { objectsIn } from "../support/kubectl.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const kubernetes = documentOf("docs/kubernetes.md");

const MANIFEST = "deploy/argocd/argocd-notifications-cm.yaml";
const OURS = Object.keys(objectsIn(readFileSync(ROOT + MANIFEST, "utf8"))[0].data).sort();

/** A key that someone else has added. */
const OTHERS = "template.of-others";
const ALL = [...OURS, OTHERS].sort();

/** How ArgoCD is installed and upgraded. The first is the way of its documentation. */
const UPGRADES = ["kubectl apply -n argocd --server-side --force-conflicts -f", "kubectl apply -n argocd -f"];

/** The commands under "With ArgoCD", which add the keys and the token. */
const [ADD_KEYS = "", ADD_TOKEN = ""] = (
  kubernetes.blocks.find(({ text }) => text.includes(`apply --server-side --field-manager=gh-runner -f ${MANIFEST}`))
    ?.text ?? assert.fail("docs/kubernetes.md adds the keys")
).split("\n");

const keysOf = async ({ shell }: ApiServer, object: string): Promise<string[]> =>
  Object.keys(JSON.parse((await shell(`kubectl -n argocd get ${object} -o json`)).stdout).data ?? {}).sort();

/** The table in docs/kubernetes.md: one row for each way to add the keys, one column for each upgrade. */
const TABLE = [...kubernetes.text.matchAll(/^\| (.+?) +\| (nothing|our .+?) +\| (nothing|every .+?) +\|$/gm)].map(
  ([, way = "", ...removed]) => ({ way, removed }),
);

/** The command of a row. */
const commandOf = (way: string) =>
  way.startsWith("`kubectl apply`")
    ? `kubectl apply -f ${MANIFEST}`
    : way.includes("without")
      ? ADD_KEYS.replace(" --field-manager=gh-runner", "")
      : ADD_KEYS;

/** What is left after an upgrade that removes this, for installations by server-side and by client-side apply. */
const LEFT: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  nothing: [ALL, ALL],
  "our three keys": [[OTHERS], [OTHERS]],
  "every key, also those of other people": [[], []],
  "every key, also those of other people, if ArgoCD was installed with `kubectl apply` too": [ALL, []],
};

describe("an upgrade of ArgoCD, on a real Kubernetes API server", () => {
  it("removes exactly what docs/kubernetes.md says", { timeout: 300_000 }, async (t) => {
    const server = await startApiServer(t);
    if (!server) return;
    const { shell, installation } = server;
    assert.equal(TABLE.length, 3);
    const apply = (how = "") => shell(`${how} ${installation}`);
    const installAnew = async (how = "") => {
      await shell("kubectl -n argocd delete --ignore-not-found configmap/argocd-notifications-cm");
      await shell("kubectl -n argocd delete --ignore-not-found secret/argocd-notifications-secret");
      await apply(how);
      await shell(`kubectl -n argocd patch configmap argocd-notifications-cm -p '{"data":{"${OTHERS}":"x"}}'`);
    };

    for (const { way, removed } of TABLE) {
      for (const [at, upgrade] of UPGRADES.entries()) {
        await t.test(`${way}, then ${upgrade}: ${removed[at]}`, async () => {
          for (const [how, install] of UPGRADES.entries()) {
            await installAnew(install);
            await shell(commandOf(way));
            await shell(`CALLER_TOKEN=of-the-shell\n${ADD_TOKEN}`);
            assert.deepEqual(await keysOf(server, "configmap/argocd-notifications-cm"), ALL);
            await apply(upgrade);
            await apply(upgrade);
            const left = await keysOf(server, "configmap/argocd-notifications-cm");
            assert.deepEqual(left, LEFT[removed[at] ?? ""]?.[how], `installed by ${install}`);
            assert.deepEqual(await keysOf(server, "secret/argocd-notifications-secret"), ["gh-runner-token"]);
          }
        });
      }
    }

    await t.test(
      "keeps keys that were added without the field manager and then once with --force-conflicts",
      async () => {
        await installAnew(UPGRADES[0]);
        const older = readFileSync(ROOT + MANIFEST, "utf8").replace(
          "app.status?.health?.status",
          "app.status.health.status",
        );
        await shell("kubectl apply --server-side -f -", older);
        await assert.rejects(shell(ADD_KEYS), /conflict with "kubectl": \.data\.trigger\.on-environment-ready/);
        await shell(ADD_KEYS.replace("apply", "apply --force-conflicts"));
        await apply(UPGRADES[0]);
        assert.deepEqual(
          await keysOf(server, "configmap/argocd-notifications-cm"),
          OURS.concat("template.of-others").sort(),
        );
      },
    );

    await t.test("keeps the keys of every file, because each has a separate field manager", async () => {
      await installAnew(UPGRADES[0]);
      await shell(ADD_KEYS);
      const { text: written = "" } =
        documentOf("docs/first-workflow.md").blocks.find(({ text }) => text.includes("argocd-notifications-cm")) ?? {};
      const [, command = ""] = /^# +(kubectl apply .*) -f announce-preview\.argocd\.yaml$/m.exec(written) ?? [];
      const both = [...ALL, ...Object.keys(objectsIn(written)[0].data)].sort();
      await shell(`${command} -f -`, written);
      assert.deepEqual(await keysOf(server, "configmap/argocd-notifications-cm"), both);
      await apply(UPGRADES[0]);
      assert.deepEqual(await keysOf(server, "configmap/argocd-notifications-cm"), both);
      // With one field manager for both, the second file removes the keys of the first.
      await shell(`${command.replace("-announce-preview", "")} -f -`, written);
      assert.ok(!(await keysOf(server, "configmap/argocd-notifications-cm")).includes(OURS[0] ?? ""));
    });
  });
});
