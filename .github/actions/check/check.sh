#!/usr/bin/env bash
# One step of CI around `aura-bench check`: options from INPUT_… variables, annotations to stdout, the summary to
# GITHUB_STEP_SUMMARY where that is set. Ends with the exit code of the check.
set -uo pipefail

options=(--github --junit "${INPUT_JUNIT:-aura-bench-check.xml}" --markdown "${INPUT_SUMMARY:-aura-bench-check.md}")
[ -z "${INPUT_BASELINE:-}" ] || options+=(--baseline "$INPUT_BASELINE")
[ -z "${INPUT_RECIPE:-}" ] || options+=(--recipe "$INPUT_RECIPE")
[ -z "${INPUT_ALLOW:-}" ] || options+=(--allow "$INPUT_ALLOW")
[ "${INPUT_PUBLISHED:-false}" != true ] || options+=(--published)
runs=()
while IFS= read -r line; do
  [ -z "$line" ] || runs+=("$line")
done <<< "${INPUT_RUNS:?runs: name at least one run folder}"

"${INPUT_PROGRAM:-aura-bench}" check "${options[@]}" -- "${runs[@]}"
code=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "${INPUT_SUMMARY:-aura-bench-check.md}" ]; then
  cat "${INPUT_SUMMARY:-aura-bench-check.md}" >> "$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  if [ "$code" -eq 0 ]; then echo "passed=true"; else echo "passed=false"; fi >> "$GITHUB_OUTPUT"
fi
exit "$code"
