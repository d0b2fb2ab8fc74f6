#!/usr/bin/env bash
# {{ title }}
{% for directive in directives %}
#SBATCH {{ directive }}
{% endfor %}
set -euo pipefail

{% if array %}
task=$(({% if split %}${1:-0} + {% endif %}SLURM_ARRAY_TASK_ID))
job="${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
{% else %}
job=$SLURM_JOB_ID
{% endif %}
# Read by the status of the launch once the job is gone from the queue; a job that is killed leaves none.
ended={{ folder }}/{{ phase }}-$job.exit
rm -f -- "$ended"
trap 'echo "$?" > "$ended"' EXIT
say() { printf '%s  %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }
say "{{ phase }} $job begins on $(hostname), after ${SLURM_RESTART_COUNT:-0} returns into the queue"

# USR1 comes {{ lead }} seconds before the time is up, TERM if the job is cancelled or others go before it. Both stop the program, which
# leaves a checkpoint; after USR1 the job goes back into the queue.
program=
asked=
signalled=
stop() {
  signalled=yes
  [ "$asked" = end ] || asked=$1
  [ -z "$program" ] || kill -TERM "$program" 2> /dev/null || true
}
trap 'stop again' USR1
trap 'stop end' TERM

cd -- {{ here }}
{% if setup %}
# What sets an environment up is seldom written for unset variables that are errors.
set +u
{% for line in setup %}
{{ line }}
{% endfor %}
set -u
{% endif %}
{% if array %}
{% for list in lists %}
{{ list }}
{% endfor %}
{% endif %}
command=(
{% for word in command %}
  {{ word }}
{% endfor %}
)
# Not every cluster keeps a job to its processors.
export RAYON_NUM_THREADS="${RAYON_NUM_THREADS:-$SLURM_CPUS_ON_NODE}"

code=130
if [ -z "$asked" ]; then
  "${command[@]}" &
  program=$!
  # A signal may have come before there was a program to pass it on to.
  [ -z "$asked" ] || kill -TERM "$program" 2> /dev/null || true
  # A signal ends the wait, not the program.
  waits=0
  while :; do
    signalled=
    waits=$((waits + 1))
    status=0
    wait "$program" || status=$?
    # It ended, and was waited for, when the signal came.
    if [ "$waits" -gt 1 ] && [ "$status" = 127 ]; then break; fi
    code=$status
    [ -n "$signalled" ] || break
  done
  program=
fi

if [ "$asked" = again ] && { [ "$code" = 130 ] || [ "$code" = 143 ]; }; then
  if [ "${SLURM_RESTART_COUNT:-0}" -ge {{ requeues }} ]; then
    say "$job went back into the queue {{ requeues }} times and is not done: give it more time, or set launch.slurm.requeues"
  else
    say "$job goes back into the queue: its time is nearly up"
    if scontrol requeue "$job"; then
      trap - EXIT
      exit 0
    fi
    say "$job could not be sent back into the queue: launch again once it is gone"
  fi
fi
say "$job ends with exit code $code"
exit "$code"
