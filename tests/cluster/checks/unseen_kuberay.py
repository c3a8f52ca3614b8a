"""Mistakes in KubeRay's files of people who had not seen the rules, and others of the same classes.

Of the 28 KubeRay cases of the eighth set the rules found 21; the first 7 here are what they missed. The others are what they
missed of four sets of 124, 120, 74 and 47 that go through the fields of pods, claims, jobs and policies: 102, 70, 46 and 15. Those that
are still missed, such as options that only slow a study down, are left out.
"""

# ruff: noqa: E501 - the edits are parts of lines and must not be wrapped
from __future__ import annotations

from tests.cluster.checks.unseen_mistakes_files import BASE, RAYCLUSTER, RAYJOB, UnseenMistake

KUBERAY = [
    UnseenMistake(
        "kuberay temp dir on shared volume",
        RAYCLUSTER,
        "RTS814",
        [("      dashboard-host: 0.0.0.0 ", "      temp-dir: /shared/ray-tmp\n      dashboard-host: 0.0.0.0 ")],
    ),
    UnseenMistake(
        "kuberay requests whole machine",
        RAYCLUSTER,
        "RTS209",
        [
            (
                "nodeSelector: {raytune-nodes: spot}",
                "nodeSelector: {raytune-nodes: spot, node.kubernetes.io/instance-type: g6.2xlarge}",
            ),
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "8", memory: 32Gi, nvidia.com/gpu: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "8", memory: 32Gi, nvidia.com/gpu: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay mig resource not seen",
        RAYCLUSTER,
        "RTS801",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/mig-1g.10gb: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/mig-1g.10gb: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay entrypoint in background",
        RAYJOB,
        "RTS823",
        [
            (
                "$(test -d /shared/studies/digits-bohb && echo --resume)'",
                "$(test -d /shared/studies/digits-bohb && echo --resume) > /shared/digits-bohb.log 2>&1 &'",
            )
        ],
    ),
    UnseenMistake(
        "kuberay submitter without restart policy",
        RAYJOB,
        "RTS817",
        [
            (
                "  backoffLimit: 2 ",
                "  submitterPodTemplate:\n    spec:\n      containers:\n        - name: ray-job-submitter\n          image: registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu\n          resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 1Gi}}\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay l4 machine lacks memory",
        RAYJOB,
        "RTS214",
        [
            (
                "            restartPolicy: Never\n            nodeSelector: {raytune-nodes: on-demand}\n",
                "            restartPolicy: Never\n            nodeSelector: {raytune-nodes: on-demand, cloud.google.com/gke-accelerator: nvidia-l4}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay read only many", BASE, "RTS814", [("accessModes: [ReadWriteMany]", "accessModes: [ReadOnlyMany]")]
    ),
    UnseenMistake(
        "kuberay nfs ro",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "          - {name: studies, persistentVolumeClaim: {claimName: raytune-studies}}",
                "          - {name: studies, nfs: {server: nas.lab.io, path: /studies, readOnly: true}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay csi ro",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "          - {name: studies, persistentVolumeClaim: {claimName: raytune-studies}}",
                "          - {name: studies, csi: {driver: file.csi.azure.com, readOnly: true, volumeAttributes: {shareName: studies, secretName: azure}}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay subpath pod",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "              - {name: studies, mountPath: /shared} ",
                "              - {name: studies, mountPath: /shared, subPathExpr: $(POD_NAME)} ",
            ),
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n              - {name: RAYTUNE_SUITE_DATA",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay other claim worker",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "              volumeMounts: *mounts\n          volumes: *volumes\n    - groupName: gpu-8",
                "              volumeMounts: *mounts\n          volumes:\n            - {name: studies, persistentVolumeClaim: {claimName: raytune-scratch}}\n            - {name: shm, emptyDir: {medium: Memory, sizeLimit: 8Gi}}\n    - groupName: gpu-8",
            )
        ],
    ),
    UnseenMistake(
        "kuberay user differs",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          securityContext: {runAsUser: 0}\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay spill on worker",
        RAYCLUSTER,
        "RTS814",
        [("      dashboard-host: 0.0.0.0 ", "      plasma-directory: /shared/plasma\n      dashboard-host: 0.0.0.0 ")],
    ),
    UnseenMistake(
        "kuberay tmp on memory",
        RAYCLUSTER,
        "RTS815",
        [
            (
                "          - {name: studies, persistentVolumeClaim: {claimName: raytune-studies}}",
                "          - {name: tmp, emptyDir: {medium: Memory}}\n          - {name: studies, persistentVolumeClaim: {claimName: raytune-studies}}",
            ),
            (
                "              - {name: studies, mountPath: /shared} ",
                "              - {name: tmp, mountPath: /tmp}\n              - {name: studies, mountPath: /shared} ",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay tmp on claim",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "              - {name: studies, mountPath: /shared} ",
                "              - {name: studies, mountPath: /tmp/ray, subPath: sessions}\n              - {name: studies, mountPath: /shared} ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay karpenter size",
        RAYCLUSTER,
        "RTS209",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, karpenter.k8s.aws/instance-family: g5, karpenter.k8s.aws/instance-size: xlarge}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay aks size",
        RAYCLUSTER,
        "RTS209",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, node.kubernetes.io/instance-type: Standard_NC4as_T4_v3}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay affinity type",
        RAYCLUSTER,
        "RTS209",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: node.kubernetes.io/instance-type, operator: In, values: [g6.xlarge, g5.xlarge]}]}]}}}\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay no gpu machine",
        RAYCLUSTER,
        "RTS208",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, node.kubernetes.io/instance-type: m6i.4xlarge}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay sidecar sum",
        RAYCLUSTER,
        "RTS209",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, node.kubernetes.io/instance-type: g6.2xlarge}\n",
            ),
            ("            - name: ray-worker\n", "            - name: ray-worker\n"),
            (
                "              volumeMounts: *mounts\n          volumes: *volumes\n    - groupName: gpu-8",
                '              volumeMounts: *mounts\n            - {name: exporter, image: prom/node-exporter:v1.8.2, resources: {requests: {cpu: "2", memory: 1Gi}, limits: {memory: 1Gi}}}\n          volumes: *volumes\n    - groupName: gpu-8',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay gke two gpus",
        RAYCLUSTER,
        "RTS208",
        [
            (
                "          nodeSelector: {raytune-nodes: on-demand}\n          tolerations",
                "          nodeSelector: {cloud.google.com/gke-accelerator: nvidia-tesla-t4}\n          tolerations",
            )
        ],
    ),
    UnseenMistake(
        "kuberay gke contradiction",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, cloud.google.com/gke-accelerator: nvidia-h100-80gb, node.kubernetes.io/instance-type: g2-standard-8}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay hostname pin",
        RAYCLUSTER,
        "RTS203",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, kubernetes.io/hostname: gpu-node-1}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay nodename",
        RAYCLUSTER,
        "RTS203",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeName: gpu-node-1\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay zone is region",
        RAYCLUSTER,
        "RTS606",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, topology.kubernetes.io/zone: us-east-1}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay zone region mismatch",
        RAYCLUSTER,
        "RTS606",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, topology.kubernetes.io/region: us-west-2, topology.kubernetes.io/zone: us-east-1a}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay arm nodes",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, kubernetes.io/arch: arm64, node.kubernetes.io/instance-type: g4dn.2xlarge}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay gpu product",
        RAYCLUSTER,
        "RTS208",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                '          nodeSelector: {raytune-nodes: spot, nvidia.com/gpu.count: "1", nvidia.com/gpu.product: NVIDIA-L4}\n',
            ),
            (
                'cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}\n                limits',
                'cpu: "6", memory: 24Gi, nvidia.com/gpu: "2"}\n                limits',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "2"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay ephemeral small",
        RAYCLUSTER,
        "RTS215",
        [
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1", ephemeral-storage: 1Gi}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay shared gpu",
        RAYCLUSTER,
        "RTS801",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu.shared: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu.shared: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay gaudi",
        RAYCLUSTER,
        "RTS801",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, habana.ai/gaudi: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, habana.ai/gaudi: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay intel gpu",
        RAYCLUSTER,
        "RTS801",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, gpu.intel.com/i915: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, gpu.intel.com/i915: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay amd with cuda",
        RAYCLUSTER,
        "RTS805",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, amd.com/gpu: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, amd.com/gpu: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay visible all",
        RAYCLUSTER,
        "RTS818",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: NVIDIA_VISIBLE_DEVICES, value: all}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay dra claim name",
        RAYCLUSTER,
        "RTS817",
        [
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}\n                claims: [{name: gpu}]',
            ),
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          resourceClaims: [{name: gpus, resourceClaimTemplateName: gpu-template}]\n          nodeSelector: {raytune-nodes: spot}\n",
            ),
        ],
    ),
    UnseenMistake("kuberay redis localhost", RAYCLUSTER, "RTS804", [("raytune-redis:6379", "localhost:6379")]),
    UnseenMistake("kuberay redis own head", RAYCLUSTER, "RTS804", [("raytune-redis:6379", "raytune-head-svc:6379")]),
    UnseenMistake(
        "kuberay ray address",
        RAYCLUSTER,
        "RTS402",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: RAY_ADDRESS, value: 'ray://raytune-head-svc:10001'}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay other head svc",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          initContainers: [{name: wait, image: busybox:1.36, command: [sh, -c, 'until nslookup raytune-gpu-head-svc; do sleep 2; done']}]\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay nodeport",
        RAYCLUSTER,
        "RTS615",
        [("  headGroupSpec:\n", "  headGroupSpec:\n    serviceType: NodePort\n")],
    ),
    UnseenMistake(
        "kuberay ports without dashboard",
        RAYCLUSTER,
        "RTS411",
        [
            (
                "          - name: ray-head\n",
                "          - name: ray-head\n            ports: [{containerPort: 6379, name: gcs-server}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay dashboard port only",
        RAYCLUSTER,
        "RTS411",
        [("      dashboard-host: 0.0.0.0 ", '      dashboard-port: "8266"\n      dashboard-host: 0.0.0.0 ')],
    ),
    UnseenMistake(
        "kuberay hostport",
        RAYCLUSTER,
        "RTS203",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              ports: [{containerPort: 8080, hostPort: 8080}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay affinity nobody",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: raytune-worker}}, topologyKey: kubernetes.io/hostname}]}}\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay spread own",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}]\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay antiaffinity zone",
        RAYCLUSTER,
        "RTS203",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {ray.io/group: gpu-1-spot}}, topologyKey: topology.kubernetes.io/zone}]}}\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay grace long",
        RAYCLUSTER,
        "RTS822",
        [("terminationGracePeriodSeconds: 60 ", "terminationGracePeriodSeconds: 600 ")],
    ),
    UnseenMistake(
        "kuberay grace zero",
        RAYCLUSTER,
        "RTS822",
        [("terminationGracePeriodSeconds: 60 ", "terminationGracePeriodSeconds: 0 ")],
    ),
    UnseenMistake(
        "kuberay prestop long",
        RAYCLUSTER,
        "RTS822",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              lifecycle: {preStop: {exec: {command: [sh, -c, sleep 300]}}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay safe to evict",
        RAYCLUSTER,
        "RTS205",
        [
            (
                "    template:\n      spec:\n        nodeSelector",
                '    template:\n      metadata: {annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "true"}}\n      spec:\n        nodeSelector',
            )
        ],
    ),
    UnseenMistake(
        "kuberay kueue autoscaling",
        RAYCLUSTER,
        "RTS811",
        [("metadata: {name: raytune}", "metadata: {name: raytune, labels: {kueue.x-k8s.io/queue-name: gpus}}")],
    ),
    UnseenMistake(
        "kuberay kueue label misspelled",
        RAYCLUSTER,
        "RTS813",
        [("metadata: {name: raytune}", "metadata: {name: raytune, labels: {kueue.x-k8s.io/queue: gpus}}")],
    ),
    UnseenMistake(
        "kuberay scheduler label",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "metadata: {name: raytune}",
                "metadata: {name: raytune, labels: {ray.io/scheduler-name: volcano-scheduler}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay volcano queue annotation",
        RAYCLUSTER,
        "RTS813",
        [("metadata: {name: raytune}", "metadata: {name: raytune, labels: {volcano.sh/queue: gpus}}")],
    ),
    UnseenMistake(
        "kuberay memory limit missing",
        RAYCLUSTER,
        "RTS818",
        [('limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}', 'limits: {cpu: "6", nvidia.com/gpu: "1"}')],
    ),
    UnseenMistake(
        "kuberay request tiny",
        RAYCLUSTER,
        "RTS818",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 1Gi, nvidia.com/gpu: "1"}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay init gpu",
        RAYCLUSTER,
        "RTS412",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          initContainers: [{name: warm, image: registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu, command: [sleep, infinity]}]\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay ep nohup",
        RAYJOB,
        "RTS823",
        [("echo --resume)'", "echo --resume) & disown'"), ("bash -c 'raytune-suite", "bash -c 'nohup raytune-suite")],
    ),
    UnseenMistake("kuberay ep or true", RAYJOB, "RTS824", [("echo --resume)'", "echo --resume) || true'")]),
    UnseenMistake("kuberay ep exit0", RAYJOB, "RTS824", [("echo --resume)'", "echo --resume); exit 0'")]),
    UnseenMistake("kuberay ep tee", RAYJOB, "RTS824", [("echo --resume)'", "echo --resume) 2>&1 | tee /shared/log'")]),
    UnseenMistake("kuberay ep sleep", RAYJOB, "RTS412", [("echo --resume)'", "echo --resume); sleep infinity'")]),
    UnseenMistake(
        "kuberay ep only sleep",
        RAYJOB,
        "RTS412",
        [
            (
                "  entrypoint: >-\n    bash -c 'raytune-suite run live/digits-mlp --method bohb --budget 40 --cpus 6 --gpus 1\n    --storage-path /shared/studies --name digits-bohb\n    $(test -d /shared/studies/digits-bohb && echo --resume)'",
                "  entrypoint: sleep infinity",
            )
        ],
    ),
    UnseenMistake(
        "kuberay ep no storage", RAYJOB, "RTS501", [("\n    --storage-path /shared/studies --name digits-bohb", "")]
    ),
    UnseenMistake(
        "kuberay never removed",
        RAYJOB,
        "RTS212",
        [
            ("  shutdownAfterJobFinishes: true ", "  shutdownAfterJobFinishes: false "),
            ("  ttlSecondsAfterFinished: 600  ", "  # ttl  "),
        ],
    ),
    UnseenMistake(
        "kuberay submitter other ray",
        RAYJOB,
        "RTS819",
        [
            (
                "  backoffLimit: 2 ",
                "  submitterPodTemplate:\n    spec:\n      restartPolicy: Never\n      containers: [{name: ray-job-submitter, image: 'rayproject/ray:2.9.0-py311'}]\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay submitter gpu",
        RAYJOB,
        "RTS702",
        [
            (
                "  backoffLimit: 2 ",
                "  submitterPodTemplate:\n    spec:\n      restartPolicy: Never\n      containers: [{name: ray-job-submitter, image: 'registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu', resources: {limits: {nvidia.com/gpu: 1}}}]\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay submitter command",
        RAYJOB,
        "RTS811",
        [
            (
                "  backoffLimit: 2 ",
                "  submitterPodTemplate:\n    spec:\n      restartPolicy: Never\n      containers: [{name: ray-job-submitter, image: 'registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu', command: [sleep, infinity]}]\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay runtime env vars differ",
        RAYJOB,
        "RTS820",
        [("  backoffLimit: 2 ", "  runtimeEnvYAML: |\n    env_vars: {RAYTUNE_SUITE_DATA: /data}\n  backoffLimit: 2 ")],
    ),
    UnseenMistake(
        "kuberay runtime cuda empty",
        RAYJOB,
        "RTS820",
        [("  backoffLimit: 2 ", '  runtimeEnvYAML: |\n    env_vars: {CUDA_VISIBLE_DEVICES: "0"}\n  backoffLimit: 2 ')],
    ),
    UnseenMistake(
        "kuberay suspended", RAYJOB, "RTS202", [("  backoffLimit: 2 ", "  suspend: true\n  backoffLimit: 2 ")]
    ),
    UnseenMistake(
        "kuberay kueue no shutdown",
        RAYJOB,
        "RTS811",
        [
            (
                "metadata: {name: raytune-digits}",
                "metadata: {name: raytune-digits, labels: {kueue.x-k8s.io/queue-name: gpus}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay http mode sub",
        RAYJOB,
        "RTS811",
        [
            (
                "  backoffLimit: 2 ",
                "  submissionMode: HTTPMode\n  submitterPodTemplate:\n    spec:\n      restartPolicy: Never\n      containers: [{name: ray-job-submitter, image: 'registry.acme.io/ml/raytune-suite:2.60.0-py311-gpu'}]\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay job id fixed", RAYJOB, "RTS811", [("  backoffLimit: 2 ", "  jobId: digits bohb\n  backoffLimit: 2 ")]
    ),
    UnseenMistake(
        "kuberay interactive", RAYJOB, "RTS811", [("  backoffLimit: 2 ", "  submissionMode: InteractiveMode\n  # ")]
    ),
    UnseenMistake(
        "kuberay ports no dashboard job",
        RAYJOB,
        "RTS411",
        [
            (
                "            - name: ray-head\n",
                "            - name: ray-head\n              ports: [{containerPort: 6379, name: gcs}, {containerPort: 10001, name: client}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay pvc block",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeMode: Block\n  resources: {requests: {storage: 100Gi}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay pv rwo",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteOnce]\n  csi: {driver: efs.csi.aws.com, volumeHandle: fs-0a1b2c3d4e5f60718}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv class",
        BASE,
        "RTS814",
        [
            ("YOUR-STORAGE-CLASS", "efs-sc"),
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  csi: {driver: efs.csi.aws.com, volumeHandle: fs-0a1b2c3d4e5f60718}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv small",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 50Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  csi: {driver: efs.csi.aws.com, volumeHandle: fs-0a1b2c3d4e5f60718}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv name",
        BASE,
        "RTS813",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: study\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  csi: {driver: efs.csi.aws.com, volumeHandle: fs-0a1b2c3d4e5f60718}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv ro option",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  mountOptions: [ro, hard]\n  nfs: {server: nas.lab.io, path: /studies}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv nfs ro",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  nfs: {server: nas.lab.io, path: /studies, readOnly: true}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv hostpath",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  hostPath: {path: /mnt/studies}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv delete",
        BASE,
        "RTS814",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Delete\n  csi: {driver: efs.csi.aws.com, volumeHandle: fs-0a1b2c3d4e5f60718}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay pv claimref",
        BASE,
        "RTS813",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  claimRef: {name: studies, namespace: default}\n  nfs: {server: nas.lab.io, path: /studies}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay sc ro",
        BASE,
        "RTS814",
        [
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: efs-sc}\nprovisioner: efs.csi.aws.com\nmountOptions: [ro]\nparameters: {provisioningMode: efs-ap, fileSystemId: fs-0a1b2c3d4e5f60718, directoryPerms: "700"}\n---\napiVersion: v1\nkind: PersistentVolumeClaim',
            )
        ],
    ),
    UnseenMistake(
        "kuberay sc name",
        BASE,
        "RTS813",
        [
            ("YOUR-STORAGE-CLASS", "efs-sc"),
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: efs}\nprovisioner: efs.csi.aws.com\nparameters: {provisioningMode: efs-ap, fileSystemId: fs-0a1b2c3d4e5f60718, directoryPerms: "700"}\n---\napiVersion: v1\nkind: PersistentVolumeClaim',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay redis lb",
        BASE,
        "RTS615",
        [("  ports: [{port: 6379}]\n---", "  type: LoadBalancer\n  ports: [{port: 6379}]\n---")],
    ),
    UnseenMistake(
        "kuberay redis nodeport",
        BASE,
        "RTS615",
        [("  ports: [{port: 6379}]\n---", "  type: NodePort\n  ports: [{port: 6379}]\n---")],
    ),
    UnseenMistake(
        "kuberay redis udp",
        BASE,
        "RTS411",
        [("  ports: [{port: 6379}]\n---", "  ports: [{port: 6379, protocol: UDP}]\n---")],
    ),
    UnseenMistake(
        "kuberay redis bind",
        BASE,
        "RTS411",
        [
            (
                "          image: redis:7.4\n",
                "          image: redis:7.4\n          args: [redis-server, --bind, 127.0.0.1]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay redis port",
        BASE,
        "RTS411",
        [
            (
                "          image: redis:7.4\n",
                '          image: redis:7.4\n          args: [redis-server, --port, "6380"]\n',
            )
        ],
    ),
    UnseenMistake("kuberay redis zero", BASE, "RTS804", [("  replicas: 1", "  replicas: 0")]),
    UnseenMistake(
        "kuberay redis probe",
        BASE,
        "RTS411",
        [
            (
                "          image: redis:7.4\n",
                "          image: redis:7.4\n          livenessProbe: {tcpSocket: {port: 6380}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay redis password arg",
        BASE,
        "RTS614",
        [
            (
                "          image: redis:7.4\n",
                "          image: redis:7.4\n          args: [redis-server, --requirepass, hunter2]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay redis spot",
        BASE,
        "RTS804",
        [
            (
                "      containers:\n        - name: redis",
                "      nodeSelector: {raytune-nodes: spot}\n      containers:\n        - name: redis",
            )
        ],
    ),
    UnseenMistake(
        "kuberay redis command",
        BASE,
        "RTS804",
        [("          image: redis:7.4\n", "          image: redis:7.4\n          command: [sleep, infinity]\n")],
    ),
    UnseenMistake("kuberay np egress only", BASE, "RTS615", [("policyTypes: [Ingress]", "policyTypes: [Egress]")]),
    UnseenMistake(
        "kuberay np empty",
        BASE,
        "RTS804",
        [
            (
                '  ingress:\n    - from: [{podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}}]\n      ports: [{port: 6379}]\n',
                "  ingress: []\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay np any",
        BASE,
        "RTS615",
        [('from: [{podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}}]', "from: []")],
    ),
    UnseenMistake(
        "kuberay np port", BASE, "RTS411", [("      ports: [{port: 6379}]\n", "      ports: [{port: 6380}]\n")]
    ),
    UnseenMistake(
        "kuberay np udp",
        BASE,
        "RTS411",
        [("      ports: [{port: 6379}]\n", "      ports: [{port: 6379, protocol: UDP}]\n")],
    ),
    UnseenMistake(
        "kuberay np ns",
        BASE,
        "RTS615",
        [
            (
                'from: [{podSelector: {matchLabels: {ray.io/is-ray-node: "yes"}}}]',
                "from: [{namespaceSelector: {matchLabels: {name: default}}}]",
            )
        ],
    ),
    UnseenMistake(
        "kuberay sa binding",
        BASE,
        "RTS813",
        [
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ray}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: ray-autoscaler}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: ray}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: autoscaler}\nsubjects: [{kind: ServiceAccount, name: ray, namespace: default}]\n---\napiVersion: v1\nkind: PersistentVolumeClaim',
            )
        ],
    ),
    UnseenMistake(
        "kuberay quota gpu",
        BASE,
        "RTS812",
        [
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: ray}\nspec: {hard: {requests.storage: 50Gi}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim",
            )
        ],
    ),
    UnseenMistake(
        "kuberay tol effect",
        RAYCLUSTER,
        "RTS805",
        [
            (
                "            - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}\n",
                "            - {key: nvidia.com/gpu, operator: Exists, effect: NoExecute}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay tol value",
        RAYCLUSTER,
        "RTS805",
        [
            (
                "            - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}\n",
                "            - {key: nvidia.com/gpu, operator: Equal, value: gpu, effect: NoSchedule}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay tol key near",
        RAYCLUSTER,
        "RTS805",
        [("key: cloud.google.com/gke-spot,", "key: cloud.google.com/gke-spots,")],
    ),
    UnseenMistake(
        "kuberay tol aks value",
        RAYCLUSTER,
        "RTS805",
        [("operator: Equal, value: spot", "operator: Equal, value: Spot")],
    ),
    UnseenMistake(
        "kuberay aks spot no tol",
        RAYCLUSTER,
        "RTS805",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}",
                "          nodeSelector: {kubernetes.azure.com/scalesetpriority: spot}",
            ),
            (
                "            - {key: kubernetes.azure.com/scalesetpriority, operator: Equal, value: spot, effect: NoSchedule}\n",
                "",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay label near",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, node.kubernetes.io/instance_type: g6.2xlarge}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay label near2",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, karpenter.sh/capacity_type: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay label near3",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, cloud.google.com/gke-accelerators: nvidia-l4}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay topokey near",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {ray.io/group: gpu-1-spot}}, topologyKey: kubernetes.io/host-name}]}}\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay head affinity spot",
        RAYCLUSTER,
        "RTS205",
        [
            (
                "        nodeSelector: {raytune-nodes: on-demand}    # your label",
                "        affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: karpenter.sh/capacity-type, operator: In, values: [spot]}]}]}}}\n        #",
            )
        ],
    ),
    UnseenMistake(
        "kuberay head tolerates all",
        RAYCLUSTER,
        "RTS205",
        [
            (
                "        nodeSelector: {raytune-nodes: on-demand}    # your label",
                "        tolerations: [{operator: Exists}]\n        #",
            )
        ],
    ),
    UnseenMistake(
        "kuberay scheduler name",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          schedulerName: default\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake("kuberay redis svc no ns", RAYCLUSTER, "RTS811", [("raytune-redis:6379", "raytune-redis.svc:6379")]),
    UnseenMistake(
        "kuberay ingress", RAYCLUSTER, "RTS615", [("  headGroupSpec:\n", "  headGroupSpec:\n    enableIngress: true\n")]
    ),
    UnseenMistake(
        "kuberay scale strategy",
        RAYCLUSTER,
        "RTS202",
        [
            (
                "      numOfHosts: 1\n      rayStartParams: {}\n",
                "      numOfHosts: 1\n      scaleStrategy: {workersToDelete: [raytune-gpu-1-spot-worker-abcde]}\n      rayStartParams: {}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay poststart",
        RAYCLUSTER,
        "RTS412",
        [
            (
                "            - name: ray-worker\n",
                "            - name: ray-worker\n              lifecycle: {postStart: {exec: {command: [sh, -c, 'while true; do nvidia-smi; sleep 60; done']}}}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay head cpu small",
        RAYCLUSTER,
        "RTS215",
        [
            (
                'resources: {requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}}',
                "resources: {requests: {cpu: 100m, memory: 8Gi}, limits: {memory: 8Gi, cpu: 100m}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay worker cpu image",
        RAYCLUSTER,
        "RTS303",
        [
            (
                "            - name: ray-worker\n              image: *image",
                "            - name: ray-worker\n              image: registry.acme.io/ml/raytune-suite:2.60.0-py311-cpu",
            )
        ],
    ),
    UnseenMistake(
        "kuberay cpu fraction",
        RAYCLUSTER,
        "RTS215",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: 500m, memory: 24Gi, nvidia.com/gpu: "1"}',
            ),
            (
                'limits: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'limits: {cpu: 500m, memory: 24Gi, nvidia.com/gpu: "1"}',
            ),
        ],
    ),
    UnseenMistake(
        "kuberay health zero",
        RAYCLUSTER,
        "RTS410",
        [('RAY_health_check_failure_threshold, value: "5"', 'RAY_health_check_failure_threshold, value: "1"')],
    ),
    UnseenMistake("kuberay shm small", RAYCLUSTER, "RTS815", [("sizeLimit: 8Gi", "sizeLimit: 64Mi")]),
    UnseenMistake(
        "kuberay node ip",
        RAYCLUSTER,
        "RTS402",
        [("      dashboard-host: 0.0.0.0 ", "      node-ip-address: 127.0.0.1\n      dashboard-host: 0.0.0.0 ")],
    ),
    UnseenMistake(
        "kuberay head option worker",
        RAYCLUSTER,
        "RTS410",
        [
            (
                "      numOfHosts: 1\n      rayStartParams: {}\n",
                '      numOfHosts: 1\n      rayStartParams: {dashboard-host: 0.0.0.0, port: "6379"}\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay ports range narrow",
        RAYCLUSTER,
        "RTS411",
        [
            (
                "      numOfHosts: 1\n      rayStartParams: {}\n",
                '      numOfHosts: 1\n      rayStartParams: {min-worker-port: "10002", max-worker-port: "10011"}\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay priority system",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          priorityClassName: system-node-critical\n          nodeSelector: {raytune-nodes: spot}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay dns none",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "        nodeSelector: {raytune-nodes: on-demand}    # your label",
                "        dnsPolicy: Default\n        nodeSelector: {raytune-nodes: on-demand}    # your label",
            )
        ],
    ),
    UnseenMistake(
        "kuberay hostaliases",
        RAYCLUSTER,
        "RTS411",
        [
            (
                "        nodeSelector: {raytune-nodes: on-demand}    # your label",
                "        hostAliases: [{ip: 127.0.0.1, hostnames: [raytune-redis]}]\n        nodeSelector: {raytune-nodes: on-demand}    # your label",
            )
        ],
    ),
    UnseenMistake(
        "kuberay owner namespace",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "    template:\n      spec:\n        nodeSelector",
                "    template:\n      metadata: {namespace: ml}\n      spec:\n        nodeSelector",
            )
        ],
    ),
    UnseenMistake(
        "kuberay label override",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "    template:\n      spec:\n        nodeSelector",
                "    template:\n      metadata: {labels: {ray.io/node-type: worker}}\n      spec:\n        nodeSelector",
            )
        ],
    ),
    UnseenMistake(
        "kuberay annotation near",
        RAYCLUSTER,
        "RTS813",
        [
            (
                "metadata: {name: raytune}",
                'metadata: {name: raytune, annotations: {ray.io/overwrite-container-command: "true"}}',
            )
        ],
    ),
    UnseenMistake("kuberay opt underscore", RAYJOB, "RTS820", [("--storage-path", "--storage_path")]),
    UnseenMistake("kuberay subcommand", RAYJOB, "RTS820", [("raytune-suite run", "raytune-suite tune")]),
    UnseenMistake(
        "kuberay no resume", RAYJOB, "RTS804", [("\n    $(test -d /shared/studies/digits-bohb && echo --resume)", "")]
    ),
    UnseenMistake("kuberay resume inverted", RAYJOB, "RTS804", [("$(test -d", "$(test ! -d")]),
    UnseenMistake("kuberay resume or", RAYJOB, "RTS804", [("digits-bohb && echo", "digits-bohb || echo")]),
    UnseenMistake(
        "kuberay storage var", RAYJOB, "RTS417", [("--storage-path /shared/studies", "--storage-path $STUDIES")]
    ),
    UnseenMistake("kuberay gpus fraction", RAYJOB, "RTS704", [("--gpus 1\n", "--gpus 1.5\n")]),
    UnseenMistake(
        "kuberay entry python local",
        RAYJOB,
        "RTS820",
        [
            (
                "  entrypoint: >-\n    bash -c 'raytune-suite run live/digits-mlp --method bohb --budget 40 --cpus 6 --gpus 1\n    --storage-path /shared/studies --name digits-bohb\n    $(test -d /shared/studies/digits-bohb && echo --resume)'",
                "  entrypoint: python ./tune.py",
            )
        ],
    ),
    UnseenMistake("kuberay entry sudo", RAYJOB, "RTS820", [("bash -c 'raytune-suite", "bash -c 'sudo raytune-suite")]),
    UnseenMistake(
        "kuberay entry kubectl",
        RAYJOB,
        "RTS804",
        [
            (
                "  entrypoint: >-\n    bash -c 'raytune-suite run live/digits-mlp --method bohb --budget 40 --cpus 6 --gpus 1\n    --storage-path /shared/studies --name digits-bohb\n    $(test -d /shared/studies/digits-bohb && echo --resume)'",
                "  entrypoint: kubectl exec raytune-head -- raytune-suite run live/digits-mlp",
            )
        ],
    ),
    UnseenMistake(
        "kuberay entry ray start",
        RAYJOB,
        "RTS820",
        [("bash -c 'raytune-suite", "bash -c 'ray start --head; raytune-suite")],
    ),
    UnseenMistake("kuberay entry ray stop", RAYJOB, "RTS820", [("echo --resume)'", "echo --resume); ray stop'")]),
    UnseenMistake(
        "kuberay hpa redis",
        BASE,
        "RTS804",
        [
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: redis}\nspec: {minReplicas: 1, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: raytune-redis}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim",
            )
        ],
    ),
    UnseenMistake(
        "kuberay hpa name",
        BASE,
        "RTS813",
        [
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: redis}\nspec: {minReplicas: 1, maxReplicas: 1, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: raytune-redi}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim",
            )
        ],
    ),
    UnseenMistake("kuberay redis latest", BASE, "RTS304", [("redis:7.4", "redis:latest")]),
    UnseenMistake("kuberay redis no tag", BASE, "RTS304", [("redis:7.4", "redis")]),
    UnseenMistake(
        "kuberay class empty",
        BASE,
        "RTS814",
        [("YOUR-STORAGE-CLASS", "efs-sc"), ("storageClassName: efs-sc", 'storageClassName: ""')],
    ),
    UnseenMistake(
        "kuberay class standard",
        BASE,
        "RTS814",
        [("YOUR-STORAGE-CLASS", "efs-sc"), ("storageClassName: efs-sc", "storageClassName: standard")],
    ),
    UnseenMistake(
        "kuberay class hyper",
        BASE,
        "RTS814",
        [("YOUR-STORAGE-CLASS", "efs-sc"), ("storageClassName: efs-sc", "storageClassName: local-storage")],
    ),
    UnseenMistake("kuberay size small", BASE, "RTS814", [("storage: 100Gi", "storage: 100Mi")]),
    UnseenMistake(
        "kuberay redis save off",
        BASE,
        "RTS804",
        [
            (
                "          image: redis:7.4\n",
                '          image: redis:7.4\n          args: [--appendonly, "yes"]\n          volumeMounts: [{name: data, mountPath: /var/lib/redis}]\n',
            ),
            (
                "    spec:\n      containers:\n        - name: redis",
                "    spec:\n      volumes: [{name: data, persistentVolumeClaim: {claimName: redis-data}}]\n      containers:\n        - name: redis",
            ),
        ],
    ),
    UnseenMistake("kuberay svc external", BASE, "RTS813", [("  selector: {app: raytune-redis}\n  ports", "  ports")]),
    UnseenMistake(
        "kuberay as image",
        RAYCLUSTER,
        "RTS819",
        [("    version: v2 ", "    image: rayproject/ray:2.9.0-py311\n    version: v2 ")],
    ),
    UnseenMistake(
        "kuberay as cpu",
        RAYCLUSTER,
        "RTS215",
        [
            (
                "    version: v2 ",
                "    resources: {limits: {cpu: 10m, memory: 512Mi}, requests: {cpu: 10m, memory: 512Mi}}\n    version: v2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay cpu unit",
        RAYCLUSTER,
        "RTS812",
        [
            (
                "              volumeMounts: *mounts\n          volumes: *volumes\n    - groupName: gpu-8",
                "              volumeMounts: *mounts\n            - {name: exporter, image: 'prom/node-exporter:v1.8.2', resources: {requests: {cpu: 250, memory: 128Mi}, limits: {memory: 128Mi}}}\n          volumes: *volumes\n    - groupName: gpu-8",
            )
        ],
    ),
    UnseenMistake(
        "kuberay group res",
        RAYCLUSTER,
        "RTS818",
        [
            (
                "      numOfHosts: 1\n      rayStartParams: {}\n",
                '      numOfHosts: 1\n      resources: {CPU: "12", GPU: "2"}\n      rayStartParams: {}\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay group res lower",
        RAYCLUSTER,
        "RTS210",
        [
            (
                "      numOfHosts: 1\n      rayStartParams: {}\n",
                '      numOfHosts: 1\n      resources: {cpu: "6", gpu: "1"}\n      rayStartParams: {}\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay nccl if",
        RAYCLUSTER,
        "RTS410",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: NCCL_SOCKET_IFNAME, value: lo}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay omp",
        RAYCLUSTER,
        "RTS410",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                '              - {name: OMP_NUM_THREADS, value: "0"}\n              - {name: RAYTUNE_SUITE_DATA',
            )
        ],
    ),
    UnseenMistake(
        "kuberay object threshold",
        RAYCLUSTER,
        "RTS410",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                '              - {name: RAY_automatic_object_spilling_enabled, value: "0"}\n              - {name: RAYTUNE_SUITE_DATA',
            )
        ],
    ),
    UnseenMistake(
        "kuberay proxy",
        RAYCLUSTER,
        "RTS402",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                '              - {name: HTTP_PROXY, value: "http://proxy.corp:3128"}\n              - {name: RAYTUNE_SUITE_DATA',
            )
        ],
    ),
    UnseenMistake(
        "kuberay home",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: HOME, value: /shared/home}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay ray tmpdir",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: RAY_TMPDIR, value: /shared/tmp}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay tmpdir",
        RAYCLUSTER,
        "RTS814",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: TMPDIR, value: /shared/tmp}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay rdma",
        RAYCLUSTER,
        "RTS812",
        [
            (
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1"}',
                'requests: {cpu: "6", memory: 24Gi, nvidia.com/gpu: "1", rdma/hca: "1"}',
            )
        ],
    ),
    UnseenMistake(
        "kuberay fargate",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, eks.amazonaws.com/compute-type: fargate}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay windows",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, kubernetes.io/os: windows}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay two cap",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, karpenter.sh/capacity-type: on-demand}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay head no resources",
        RAYCLUSTER,
        "RTS215",
        [('            resources: {requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}}\n', "")],
    ),
    UnseenMistake(
        "kuberay ep resources",
        RAYJOB,
        "RTS818",
        [("  backoffLimit: 2 ", "  entrypointResources: '{\"driver\": 1}'\n  backoffLimit: 2 ")],
    ),
    UnseenMistake(
        "kuberay rt py",
        RAYJOB,
        "RTS819",
        [
            (
                "  backoffLimit: 2 ",
                "  runtimeEnvYAML: |\n    image_uri: registry.acme.io/ml/raytune-suite:2.60.0-py312-gpu\n  backoffLimit: 2 ",
            )
        ],
    ),
    UnseenMistake(
        "kuberay rt uv",
        RAYJOB,
        "RTS303",
        [("  backoffLimit: 2 ", "  runtimeEnvYAML: |\n    pip: [torch==2.4.0+cpu]\n  backoffLimit: 2 ")],
    ),
    UnseenMistake("kuberay max conc", RAYJOB, "RTS703", [("--budget 40", "--budget 40 --max-concurrent 100")]),
    UnseenMistake(
        "kuberay redis hostport2",
        BASE,
        "RTS615",
        [
            (
                "          image: redis:7.4\n",
                "          image: redis:7.4\n          ports: [{containerPort: 6379, hostPort: 6379}]\n",
            )
        ],
    ),
    UnseenMistake("kuberay redis cpu", BASE, "RTS812", [("cpu: 250m", "cpu: 250")]),
    UnseenMistake(
        "kuberay redis ds", BASE, "RTS804", [("kind: Deployment", "kind: DaemonSet"), ("  replicas: 1\n", "")]
    ),
    UnseenMistake(
        "kuberay redis ping pass",
        BASE,
        "RTS417",
        [
            (
                "          image: redis:7.4\n",
                "          image: redis:7.4\n          args: [redis-server, --requirepass, $(REDIS_PASSWORD)]\n          env: [{name: REDIS_PASS, valueFrom: {secretKeyRef: {name: redis, key: password}}}]\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay redis args shell",
        BASE,
        "RTS817",
        [
            (
                "          image: redis:7.4\n",
                '          image: redis:7.4\n          args: ["redis-server --appendonly yes"]\n',
            )
        ],
    ),
    UnseenMistake(
        "kuberay pvc lim",
        BASE,
        "RTS812",
        [
            (
                "resources: {requests: {storage: 100Gi}}",
                "resources: {requests: {storage: 100Gi}, limits: {storage: 50Gi}}",
            )
        ],
    ),
    UnseenMistake(
        "kuberay idle long", RAYCLUSTER, "RTS212", [("idleTimeoutSeconds: 480 ", "idleTimeoutSeconds: 48000 ")]
    ),
    UnseenMistake(
        "kuberay env wrong group",
        RAYCLUSTER,
        "RTS612",
        [
            (
                "              - {name: RAYTUNE_SUITE_DATA",
                "              - {name: RAY_AUTH_MODE, value: disabled}\n              - {name: RAYTUNE_SUITE_DATA",
            )
        ],
    ),
    UnseenMistake(
        "kuberay preferred type",
        RAYCLUSTER,
        "RTS208",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, cloud.google.com/machine-family: n2}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay karp gpu name",
        RAYCLUSTER,
        "RTS817",
        [
            (
                "          nodeSelector: {raytune-nodes: spot}\n",
                "          nodeSelector: {raytune-nodes: spot, karpenter.k8s.aws/instance-gpu-name: NVIDIA-L4}\n",
            )
        ],
    ),
    UnseenMistake(
        "kuberay ep setsid", RAYJOB, "RTS823", [("bash -c 'raytune-suite", "bash -c 'setsid -f raytune-suite")]
    ),
    UnseenMistake(
        "kuberay ep loop",
        RAYJOB,
        "RTS412",
        [
            ("bash -c 'raytune-suite", "bash -c 'while true; do raytune-suite"),
            ("echo --resume)'", "echo --resume); done'"),
        ],
    ),
    UnseenMistake(
        "kuberay ep until",
        RAYJOB,
        "RTS412",
        [
            ("bash -c 'raytune-suite", "bash -c 'until raytune-suite"),
            ("echo --resume)'", "echo --resume); do sleep 5; done'"),
        ],
    ),
    UnseenMistake(
        "kuberay ep trap", RAYJOB, "RTS824", [("bash -c 'raytune-suite", 'bash -c \'trap "exit 0" EXIT; raytune-suite')]
    ),
    UnseenMistake(
        "kuberay ep timeout", RAYJOB, "RTS821", [("bash -c 'raytune-suite", "bash -c 'timeout 60 raytune-suite")]
    ),
    UnseenMistake("kuberay ep bang", RAYJOB, "RTS824", [("bash -c 'raytune-suite", "bash -c '! raytune-suite")]),
    UnseenMistake(
        "kuberay pv nfs server",
        BASE,
        "RTS817",
        [
            (
                "  resources: {requests: {storage: 100Gi}}",
                "  volumeName: studies\n  resources: {requests: {storage: 100Gi}}",
            ),
            (
                "---\napiVersion: v1\nkind: Service",
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: studies}\nspec:\n  capacity: {storage: 100Gi}\n  storageClassName: efs-sc\n  accessModes: [ReadWriteMany]\n  persistentVolumeReclaimPolicy: Retain\n  nfs: {server: 'nas.lab.io:/studies', path: /}\n---\napiVersion: v1\nkind: Service",
            ),
        ],
    ),
    UnseenMistake(
        "kuberay sc noprov",
        BASE,
        "RTS814",
        [
            ("YOUR-STORAGE-CLASS", "efs-sc"),
            (
                "apiVersion: v1\nkind: PersistentVolumeClaim",
                "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: efs-sc}\nprovisioner: kubernetes.io/no-provisioner\n---\napiVersion: v1\nkind: PersistentVolumeClaim",
            ),
        ],
    ),
]
