import { z } from "zod";

/**
 * The pods that OpenShift's SCC `restricted-v2` accepts, which everyone may use. Users and groups come from the range of the
 * namespace; a pod that names none gets one.
 * @see https://docs.redhat.com/en/documentation/openshift_container_platform/4.19/html/authentication_and_authorization/managing-pod-security-policies
 */
const [FIRST, LAST] = [1_000_770_000, 1_000_779_999];
const ofNamespace = z.number().min(FIRST).max(LAST).optional();
const seccompProfile = z.object({ type: z.literal("RuntimeDefault") }).optional();
const unset = z.undefined().optional();
const no = z.literal(false).optional();

const container = z.object({
  ports: z.array(z.object({ hostPort: unset })).optional(),
  securityContext: z
    .object({
      allowPrivilegeEscalation: no,
      privileged: no,
      runAsUser: ofNamespace,
      seLinuxOptions: unset,
      seccompProfile,
      procMount: z.literal("Default").optional(),
      capabilities: z
        .object({
          add: z.array(z.literal("NET_BIND_SERVICE")).optional(),
          drop: z.array(z.string()).refine((dropped) => dropped.includes("ALL")),
        })
        .optional(),
    })
    .optional(),
});

const VOLUMES = "configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split(" ");
const volume = z
  .object({ name: z.string() })
  .catchall(z.unknown())
  .refine(
    ({ name: _, ...source }) => Object.keys(source).every((type) => VOLUMES.includes(type)),
    "another kind of volume",
  );

export const restrictedV2 = z.object({
  hostNetwork: no,
  hostPID: no,
  hostIPC: no,
  volumes: z.array(volume).optional(),
  securityContext: z.object({
    runAsUser: ofNamespace,
    fsGroup: ofNamespace,
    seLinuxOptions: unset,
    seccompProfile,
    sysctls: unset,
  }),
  initContainers: z.array(container).optional(),
  containers: z.array(container),
});
