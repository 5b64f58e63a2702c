import { html } from "hono/html";
import { ALL_WORKFLOWS, type Paused } from "../model/store.ts";
import { name, time } from "./shown.ts";

/** Says what is paused, by whom and since when. Nothing when nothing is. */
export function pausedBanner({ paused, now }: { readonly paused: readonly Paused[]; readonly now: number }) {
  if (paused.length === 0) return "";
  const all = paused.find(({ workflow }) => workflow === ALL_WORKFLOWS);
  const by = ({ actor, at }: Paused) => html`${name(actor)}, ${time(at, "full", now)}`;
  const what = all
    ? html`<strong>All workflows are paused</strong> (${by(all)}).`
    : paused.map(
        (each, at) => html`${at > 0 ? " " : ""}<strong>${name(each.workflow)} is paused</strong> (${by(each)}).`,
      );
  return html`<div class="banner limit paused"><p>${what} Events are accepted and wait. <a href="/workflows">Resume</a></p></div>`;
}
