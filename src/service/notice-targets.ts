import { chatOf } from "../model/chat.ts";
import {
  type NoticeTarget,
  type NoticeTargets,
  type NotifyTarget,
  onePerAddress,
  targetsIn,
  USUAL_KINDS,
} from "../model/notices.ts";
import type { CheckedWorkflows } from "../workflows/load/check-workflows.ts";
import type { Config } from "./config/config.ts";

type Loaded = Pick<CheckedWorkflows, "workflows" | "addresses">;

export function noticeTargets({ notifyUrl, notifyFormat }: Config["observe"], loaded: Loaded): NoticeTargets {
  const usual: readonly NoticeTarget[] =
    notifyUrl === undefined
      ? []
      : [targetOf({ to: "NOTIFY_URL", ...(notifyFormat && { as: notifyFormat }) }, notifyUrl)];
  const named = new Map(
    loaded.workflows.flatMap(({ name, notify }) => {
      const targets = targetsIn(notify)?.flatMap((target) => {
        const url = loaded.addresses[target.to];
        return url === undefined ? [] : [targetOf(target, url)];
      });
      return targets === undefined ? [] : [[name, targets] as const];
    }),
  );
  const all = [...usual, ...[...named.values()].flat()];
  return {
    of: (workflow) => named.get(workflow) ?? usual,
    all: onePerAddress(all),
    failures: onePerAddress(all.filter(({ on }) => on.includes("failure"))),
  };
}

function targetOf({ to: name, as, on = USUAL_KINDS }: NotifyTarget, url: string): NoticeTarget {
  return { name, url, format: as ?? chatOf(new URL(url)) ?? "json", on };
}
