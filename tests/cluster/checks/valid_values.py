"""Valid values of Slurm scripts, manifests and files for `ray up`: none of them gives an error."""

# ruff: noqa: E501 - the values are parts of lines and must not be wrapped
from __future__ import annotations

DIRECTIVES = [
    "--dependency=afterok:123:124,afterany:125",
    "--dependency=singleton",
    "--dependency=afterok:12_*+10",
    "-d after:77?afternotok:78",
    "--begin=now+2hours",
    "--begin=20:00",
    "--begin=2026-12-31T08:00:00",
    "--begin=tomorrow",
    "--deadline=now+3days",
    "--nodelist=node[01-03,07],gpu-7",
    "--nodelist=/home/me/nodes.txt",
    "--exclude=r1i[0-2]n[0-8]",
    "-w tux[1-4].example.org",
    "--constraint=a100&nvlink",
    '--constraint="[rack1*2&rack2*4]"',
    "-C v100|a100",
    "--distribution=block:cyclic",
    "-m plane=4",
    "--distribution=cyclic,NoPack",
    "--licenses=matlab@db:2,ansys",
    "--signal=10@60",
    "--signal=TERM@90",
    "--array=0-15:3%4",
    "--nice",
    "--nice=100",
    "--exclusive",
    "--exclusive=user",
    "--oversubscribe",
    "--hint=nomultithread",
    "--gres-flags=enforce-binding",
    "--gpu-bind=single:1",
    "--gpu-bind=closest",
    "--mail-type=BEGIN,TIME_LIMIT_80 --mail-user=a@b.org,c",
    "--export=ALL,PATH=/opt/x,DEBUG",
    "--switches=1@00:30:00",
    "--cpu-freq=high",
    "--profile=energy,task",
    "--time-min=01:00:00",
    "--extra-node-info=2:8:1",
    "--cores-per-socket=8",
    "--sockets-per-node=2",
    "--threads-per-core=1",
    "--tmp=100G",
    "--comment='two words'",
    "--output=logs_%x_%j_%N.out",
    "--error=err-%4j.txt",
    "--output=a%%b-%j.log",
    "--open-mode=append",
    "--requeue",
    "--qos=high",
    "--reservation=course",
    "--propagate=NOFILE,MEMLOCK",
    "--wait-all-nodes=1",
    "--core-spec=2",
    "--tres-per-task=cpu:8,gres/gpu:1",
    "--kill-on-invalid-dep=yes --dependency=afterok:1",
    "--reboot",
    "--no-requeue",
    "--spread-job",
    "--acctg-freq=30",
    "--mem-bind=local",
    "--clusters=a,b",
    "--container=/images/x",
]
SCRIPTS = {
    "het": """#!/bin/bash
#SBATCH --partition=cpu --nodes=1 --ntasks-per-node=1 --cpus-per-task=4
#SBATCH hetjob
#SBATCH --partition=gpu --nodes=2 --ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=2
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST_HET_GROUP_0" | head -1)
port=$((20000 + SLURM_JOB_ID % 1000))
srun --het-group=0 --ntasks=1 ray start --head --node-ip-address=$head --port=$port --num-cpus=0 --block &
sleep 10
srun --het-group=1 --cpus-per-task=$SLURM_CPUS_PER_TASK_HET_GROUP_1 ray start --address=$head:$port --num-cpus=8 --num-gpus=2 --block &
sleep 10
python tune.py
""",
    "signal handled by the program": """#!/bin/bash
#SBATCH --nodes=1 --cpus-per-task=8 --gpus-per-node=1 --signal=USR1@120
ray start --head --port=$((10000 + SLURM_JOB_ID % 1000)) --num-cpus=8 --num-gpus=1
srun --ntasks=1 --overlap python tune.py
""",
    "wait for one": """#!/bin/bash
#SBATCH --nodes=1 --cpus-per-task=8 --signal=B:TERM@60
trap 'kill $study' TERM
ray start --head --port=$((10000 + SLURM_JOB_ID % 1000)) --num-cpus=8 --block &
sleep 10
python tune.py &
study=$!
wait $study
""",
    "several tasks": """#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=4 --cpus-per-task=2 --gpus-per-node=4 --exclusive
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -1)
port=$((10000 + SLURM_JOB_ID % 1000))
srun --nodes=1 --ntasks=1 -w $head --exact ray start --head --node-ip-address=$head --port=$port --num-cpus=0 --block &
sleep 10
srun --nodes=1 --ntasks=1 -x $head --cpus-per-task=8 ray start --address=$head:$port --num-cpus=8 --num-gpus=4 --block &
sleep 10
python tune.py
""",
}
POD_VALUES = {
    "probes": "              livenessProbe: {exec: {command: [ray, health-check]}, periodSeconds: 20, successThreshold: 1}\n              readinessProbe: {httpGet: {path: /api, port: 8265, scheme: HTTPS}, successThreshold: 3, initialDelaySeconds: 0}\n              startupProbe: {tcpSocket: {port: metrics}, failureThreshold: 60}\n              ports: [{containerPort: 8080, name: metrics, protocol: TCP}]\n",
    "rights": "              securityContext: {runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [SYS_PTRACE]}, seccompProfile: {type: RuntimeDefault}}\n",
    "privileged": "              securityContext: {privileged: true, runAsUser: 0}\n",
    "envFrom": "              envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys, optional: true}, prefix: X_}]\n",
    "command": '              command: [/bin/bash, -lc, "ulimit -n 65536; sleep 5 && exec ray start --block"]\n',
    "args": '              args: ["--verbose"]\n',
}
SPEC_VALUES = {
    "node affinity": '          affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: gpu-memory, operator: Gt, values: ["40"]}, {key: spot, operator: DoesNotExist}]}]}, preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, preference: {matchExpressions: [{key: zone, operator: In, values: [a, b]}]}}]}}\n',
    "pod affinity": "          affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [ray]}]}}}]}}\n",
    "spread": "          topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: ray}}}]\n",
    "host network": "          hostNetwork: true\n          dnsPolicy: ClusterFirstWithHostNet\n",
    "own dns": "          dnsPolicy: None\n          dnsConfig: {nameservers: [10.0.0.10]}\n",
    "fsGroup": "          securityContext: {fsGroup: 100, runAsUser: 1000, runAsGroup: 100}\n",
    "grace": "          terminationGracePeriodSeconds: 0\n          hostname: worker-1\n",
}
ENV = [
    "- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n                - {name: URL, value: 'http://$(POD_IP):80'}",
    "- {name: LABEL, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['ray.io/group']\"}}}",
    "- {name: CPUS, valueFrom: {resourceFieldRef: {containerName: ray-worker, resource: requests.cpu, divisor: '1'}}}",
    "- {name: TEXT, value: '$$(NOT_A_VARIABLE) and $(UNKNOWN)'}",
]
OBJECTS = {
    "deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: redis, labels: {app: redis}}\nspec:\n  replicas: 1\n  strategy: {type: Recreate}\n  selector: {matchLabels: {app: redis}}\n  template:\n    metadata: {labels: {app: redis, tier: state}}\n    spec: {containers: [{name: redis, image: 'redis:7.4', ports: [{containerPort: 6379, name: redis}], readinessProbe: {tcpSocket: {port: redis}}}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: redis}\nspec: {type: NodePort, selector: {app: redis}, ports: [{port: 6379, targetPort: redis, nodePort: 30079, name: redis}, {port: 80, name: http}]}\n",
    "headless": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None, selector: {app: x}}\n",
    "external": "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: ExternalName, externalName: db.example.org}\n",
    "job": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: load}\nspec: {backoffLimit: 1, template: {spec: {restartPolicy: Never, containers: [{name: load, image: 'busybox:1.36', command: [sh, -c, 'cp -r /a /b']}]}}}\n",
    "policy": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {podSelector: {matchExpressions: [{key: ray.io/cluster, operator: In, values: [a, b]}]}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 6379, protocol: TCP}]}], egress: [{}]}\n",
    "storage": "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: nfs}\nprovisioner: nfs.csi.k8s.io\nreclaimPolicy: Retain\nvolumeBindingMode: Immediate\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: studies}\nspec: {accessModes: [ReadWriteMany], volumeMode: Filesystem, storageClassName: nfs, resources: {requests: {storage: 1Ti}}}\n",
    "config map mode": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes: [{name: c, configMap: {name: c, defaultMode: 0755, items: [{key: a, path: sub/a.py, mode: 420}]}}, {name: n, nfs: {server: 10.0.0.1, path: /x}}]\n  containers: [{name: a, image: 'busybox:1.36', volumeMounts: [{name: c, mountPath: /c, subPath: sub}, {name: n, mountPath: /n, subPathExpr: $(POD)}]}]\n",
}
RUN_OPTIONS = [
    "--ipc=host",
    "-it",
    "-eA=1 -e B",
    "--env-file ~/env",
    "-v /a:/a:ro,z -v data:/data",
    "--mount type=bind,source=/a,target=/b",
    "--memory 16g --memory-swap=-1",
    "--cap-add SYS_PTRACE --security-opt seccomp=unconfined",
    "--device=/dev/infiniband",
    "--device /dev/fuse:/dev/fuse:rwm",
    "--ulimit memlock=-1:-1 --ulimit stack=67108864",
    "--network=host --privileged",
    "-u $(id -u):$(id -g)",
    "--tmpfs /scratch:size=10g",
    "$EXTRA_OPTIONS",
    "--add-host=registry:10.0.0.1 --init --pull=always",
    "-w /home/ray -h node1",
    "--label team=ml -l a=b",
    "--cpus 7.5 --cpuset-cpus=0-7",
    "-v $HOME/.aws:/home/ray/.aws:ro",
    "--shm-size='10.24gb'",
    "--log-opt max-size=10m --log-driver json-file",
]
SETUP = [
    "mkdir -p ~/a && git -C ~/a pull",
    "test -d ~/c || git clone https://x.org/c ~/c",
    "if [ ! -d ~/c ]; then git clone https://x.org/c ~/c; fi",
    "rm -rf ~/c && git clone https://x.org/c ~/c",
    "git clone https://x.org/c ~/c || true",
    "ln -sfn /shared ~/shared",
    "source ~/.bashrc && conda activate x",
    ". ~/.profile; echo ok",
    "id ml || sudo useradd ml",
]
AZURE_SIZES = [
    "Standard_D8s_v3",
    "Standard_D16ads_v5",
    "Standard_E16ds_v5",
    "Standard_F8s_v2",
    "Standard_DS3_v2",
    "Standard_D4_v2",
    "Standard_D8ls_v5",
    "Standard_E32-16ads_v5",
    "Standard_L8s_v3",
    "Standard_D64as_v4",
    "Standard_D2d_v4",
    "Standard_E104is_v5",
    "Standard_D96lds_v6",
    "Standard_D8as_v7",
]
