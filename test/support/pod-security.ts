import type { IPodSpec } from "kubernetes-models/v1";

type Container = IPodSpec["containers"][number];
type SecurityContext = NonNullable<Container["securityContext"]> & NonNullable<IPodSpec["securityContext"]>;

/**
 * The Pod Security Standard "restricted", with what it takes over from "baseline": its controls by name, each true when
 * a pod keeps it.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
const CONTROLS: Readonly<Record<string, (pod: IPodSpec) => boolean>> = {
  HostProcess: (pod) => everywhere(pod, ({ windowsOptions }) => !windowsOptions?.hostProcess),
  "Host Namespaces": ({ hostNetwork, hostPID, hostIPC }) => !hostNetwork && !hostPID && !hostIPC,
  "Privileged Containers": (pod) => eachContainer(pod, ({ securityContext }) => !securityContext?.privileged),
  Capabilities: (pod) =>
    eachContainer(pod, ({ securityContext: { capabilities } = {} }) => {
      const { drop = [], add = [] } = capabilities ?? {};
      return drop.includes("ALL") && add.every((name) => name === "NET_BIND_SERVICE");
    }),
  "Volume Types": ({ volumes = [] }) =>
    volumes.every((volume) => Object.keys(volume).every((key) => key === "name" || VOLUMES.includes(key))),
  "Host Ports": (pod) => eachContainer(pod, ({ ports = [] }) => ports.every(({ hostPort }) => !hostPort)),
  "Host Probes / Lifecycle Hooks": (pod) => eachContainer(pod, (container) => handlersOf(container).every(isOwnHost)),
  AppArmor: (pod) => everywhere(pod, ({ appArmorProfile }) => appArmorProfile?.type !== "Unconfined"),
  SELinux: (pod) =>
    everywhere(
      pod,
      ({ seLinuxOptions: { type = "", user, role } = {} }) => SELINUX_TYPES.includes(type) && !user && !role,
    ),
  "/proc Mount Type": (pod) =>
    eachContainer(pod, ({ securityContext }) => (securityContext?.procMount ?? "Default") === "Default"),
  Sysctls: ({ securityContext: { sysctls = [] } = {} }) => sysctls.every(({ name }) => SAFE_SYSCTLS.includes(name)),
  "Privilege Escalation": (pod) =>
    eachContainer(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation === false),
  "Running as Non-root": (pod) => inForce(pod, ({ runAsNonRoot }) => runAsNonRoot === true),
  "Running as Non-root user": (pod) => everywhere(pod, ({ runAsUser }) => runAsUser !== 0),
  Seccomp: (pod) =>
    inForce(pod, ({ seccompProfile }) => ["RuntimeDefault", "Localhost"].includes(seccompProfile?.type ?? "")) &&
    everywhere(pod, ({ seccompProfile }) => seccompProfile?.type !== "Unconfined"),
};

export const CONTROL_NAMES = Object.keys(CONTROLS);

/** The controls that a pod breaks. */
export function brokenControls(pod: IPodSpec): string[] {
  return CONTROL_NAMES.filter((name) => !CONTROLS[name]?.(pod));
}

const VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];
const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
const SAFE_SYSCTLS = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];

function containersOf({ containers, initContainers = [], ephemeralContainers = [] }: IPodSpec): readonly Container[] {
  return [...containers, ...initContainers, ...(ephemeralContainers as readonly Container[])];
}

function eachContainer(pod: IPodSpec, holds: (container: Container) => boolean): boolean {
  return containersOf(pod).every(holds);
}

/** Holds for the pod's context and for each container's, where they are set. */
function everywhere(pod: IPodSpec, holds: (context: Partial<SecurityContext>) => boolean): boolean {
  const contexts = [pod.securityContext, ...containersOf(pod).map(({ securityContext }) => securityContext)];
  return contexts.every((context) => !context || holds(context as Partial<SecurityContext>));
}

/** Holds for what is in force in each container: its own context over the pod's. */
function inForce(pod: IPodSpec, holds: (context: Partial<SecurityContext>) => boolean): boolean {
  return eachContainer(pod, ({ securityContext }) =>
    holds({ ...pod.securityContext, ...securityContext } as Partial<SecurityContext>),
  );
}

type Handler = { httpGet?: { host?: string }; tcpSocket?: { host?: string } };

function handlersOf({ startupProbe, livenessProbe, readinessProbe, lifecycle }: Container): readonly Handler[] {
  const handlers = [startupProbe, livenessProbe, readinessProbe, lifecycle?.preStop, lifecycle?.postStart];
  return handlers.filter((handler) => handler !== undefined) as readonly Handler[];
}

const isOwnHost = ({ httpGet, tcpSocket }: Handler) => !httpGet?.host && !tcpSocket?.host;
