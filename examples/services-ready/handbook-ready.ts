import { environmentReady } from "gh-runner/workflows";

/** Another pair of repositories, with one commit per environment. Options are enough. */
export default environmentReady({
  name: "handbook-ready",
  path: "/handbook-ready",
  deploymentRepo: "acme/deployment",
  targetRepo: "acme/handbook",
  valuesPaths: ["handbook/{application}.yaml"],
  tagKey: "image.tag",
  eventType: "handbook_ready",
  applicationPrefix: "handbook-",
});
