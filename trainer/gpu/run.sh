#!/usr/bin/env bash
# Checks, measures and trains with Pellucid on this machine; README.txt beside this file says what to expect.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'END'
Usage: run.sh [STAGE...] [options]

Stages, each by name or all of them in this order:
  check   driver, card and libraries; every operator and a ResNet-18 against float64; export, evaluate, explain
  speed   images a second of adversarial training and forward, in turn with plain PyTorch; memory; share of the peak
  train   a standard and a robust network on phantoms and, where data/ lies beside this file, on HAM10000

Options:
  --device cuda|cpu   where to compute (default cuda)
  --quick             3 minutes in place of 9
  --out DIR           where results go: results.jsonl, a text per stage, summary.txt (default $OUT, or ./results)
  --runs DIR          where trained networks and their tables go (default ./runs)
  --python PROGRAM    a Python with torch 2.11 and torchvision, for the baseline (default $PYTHON, or python3)
  --patience FACTOR   multiplies every stage's limit of time (default 1)
  --help

Exit status: 0 if every stage went well, 1 if one did not, 2 for wrong usage.
END
}

wrong() { printf 'run.sh: %s (run.sh --help)\n' "$*" >&2; exit 2; }

device=cuda quick= out=${OUT:-$PWD/results} runs=$PWD/runs python=${PYTHON:-python3} patience=1 stages=()
while (($#)); do
  case $1 in
    check | speed | train) stages+=("$1") ;;
    --quick) quick=1 ;;
    --help | -h) usage; exit 0 ;;
    --device | --out | --runs | --python | --patience)
      (($# > 1)) || wrong "$1 needs a value"
      declare "${1#--}=$2"; shift ;;
    *) wrong "there is no \`$1\`" ;;
  esac
  shift
done
((${#stages[@]})) || stages=(check speed train)
[[ $device == cuda || $device == cpu ]] || wrong "--device is cuda or cpu, not \`$device\`"
[[ $patience =~ ^[1-9][0-9]{0,3}$ ]] || wrong "--patience is a whole number, not \`$patience\`"

# Seconds that each stage may take; together 9 minutes, or 3.
declare -A limit=([check]=80 [speed]=180 [train]=275)
[[ $quick ]] && limit=([check]=50 [speed]=60 [train]=65)

mkdir -p "$out" "$runs" 2>/dev/null
for folder in "$out" "$runs"; do
  # Creating an empty file may go well on a full disk; a byte in it does not.
  if ! printf x 2>/dev/null >"$folder/.writable"; then
    rm -f "$folder/.writable"
    printf 'run.sh: %s cannot be written: free some space, or choose another with --out and --runs\n' "$folder" >&2
    exit 1
  fi
  rm -f "$folder/.writable"
done
out=$(cd "$out" && pwd) runs=$(cd "$runs" && pwd)
results=$out/results.jsonl log=$out/log.txt
for file in results.jsonl log.txt check.txt speed.txt train.txt summary.txt; do rm -f "$out/$file"; done

# ---- libtorch: beside this file, where LD_LIBRARY_PATH says, or the one in Python's torch -------------------------------
needed=$(cat "$here/libtorch-version" 2>/dev/null || echo 2.11.0)
trouble=
found_version() { # of a folder lib/ of libtorch: its own note, or Python's package
  local top=${1%/lib}
  if [[ -f $top/build-version ]]; then cat "$top/build-version"
  elif [[ -f $top/version.py ]]; then sed -n "s/^__version__ = '\(.*\)'/\1/p" "$top/version.py"; fi
}
torch_of_python() {
  "$python" -c 'import importlib.util as u, os
s = u.find_spec("torch")
print(os.path.join(os.path.dirname(s.origin), "lib") if s and s.origin else "")' 2>/dev/null
}
find_libtorch() {
  local folder
  if [[ -e $here/libtorch/lib/libtorch_cpu.so ]]; then echo "$here/libtorch/lib"; return; fi
  local IFS=:
  for folder in ${LD_LIBRARY_PATH:-}; do
    if [[ $folder && -e $folder/libtorch_cpu.so ]]; then echo "${folder%/}"; return; fi
  done
  torch_of_python
}
torch=$(find_libtorch)
if [[ ! $torch || ! -e $torch/libtorch_cpu.so ]]; then
  trouble="no libtorch $needed was found: put one into $here/libtorch, name it in LD_LIBRARY_PATH, or name a Python with torch by --python"
else
  version=$(found_version "$torch")
  if [[ $version && ${version%%+*} != "$needed" ]]; then
    trouble="torch ${version%%+*} is in $torch, and this program needs $needed: pip install torch==$needed, or name another by --python"
  fi
  export LD_LIBRARY_PATH=$torch${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi

# ---- what travels compressed ---------------------------------------------------------------------------------------------
if [[ ! -e $here/lib/libonnxruntime.so ]]; then
  unpacked=$runs/.lib
  if [[ ! -e $unpacked/libonnxruntime.so ]]; then
    mkdir -p "$unpacked" && gzip -dc "$here/lib/libonnxruntime.so.gz" >"$unpacked/part.$$" 2>/dev/null &&
      mv "$unpacked/part.$$" "$unpacked/libonnxruntime.so" || {
      rm -f "$unpacked/part.$$"
      : "${trouble:=ONNX Runtime could not be unpacked into $unpacked: free some space}"
    }
  fi
  export ORT_DYLIB_PATH=$unpacked/libonnxruntime.so
fi
pellucid=$here/pellucid

# ---- telling --------------------------------------------------------------------------------------------------------------
json() { # a string as JSON
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "$(printf %s "$text" | tr '\000-\037' ' ')"
}
failed=()
fail() { # stage, sentence
  failed+=("$1")
  printf 'FAILED  %s: %s\n' "$1" "$2" | tee -a "$out/$1.txt" >&2
  printf '{"stage":%s,"failed":%s}\n' "$(json "$1")" "$(json "$2")" >>"$results"
}
# Runs a command of a stage within what is left of the stage's time. What it prints goes to $text, where that is set, else to
# the stage's; what it says meanwhile goes to the log. The sentence of its failure is the last line that it says.
deadline=0 text=
step() { # stage, command...
  local stage=$1 left status said sentence; shift
  local name="${*:2:1}" over="the stage's ${limit[$stage]} seconds (times $patience)"
  left=$((deadline - SECONDS))
  if ((left <= 0)); then fail "$stage" "$over were over before \`$name\` began"; return 1; fi
  if ! said=$(mktemp 2>/dev/null); then
    fail "$stage" "no temporary file can be made: set TMPDIR to a folder that can be written"
    return 1
  fi
  printf '\n$ %s\n' "$*" >>"$log"
  {
    timeout --kill-after=10 "$left" "$@" 2>&1 1>&3 3>&- | tee -a "$log" "$said" >&2
    exit "${PIPESTATUS[0]}"
  } 3>&1 | tee -a "${text:-$out/$stage.txt}"
  status=${PIPESTATUS[0]}
  if ((status == 124 || status == 137)); then
    fail "$stage" "\`$name\` was not done within $over"
  elif ((status)); then
    sentence=$(grep '^error: ' "$said" | tail -n 1)
    [[ $sentence ]] || sentence=$(grep -v '^[[:space:]]*$' "$said" | tail -n 1)
    sentence=${sentence#error: }
    fail "$stage" "${sentence:-it ended with status $status}"
  fi
  rm -f "$said"
  return "$status"
}

# ---- the stages -----------------------------------------------------------------------------------------------------------
stage_check() { step check "$pellucid" check --device "$device" --record "$results"; }

stage_speed() {
  # No round begins after four fifths of the time.
  local options=(--device "$device" --record "$results" --turn 0.5 --most $((limit[speed] * patience * 4 / 5)))
  if [[ $device == cuda ]]; then options+=(--batch 16,128); else options+=(--size 64 --batch 4,8); fi
  if [[ $quick ]]; then options+=(--rounds 3); fi
  if [[ $(torch_of_python) ]]; then
    options+=(--baseline "$here/baseline.py" --interpreter "$python")
    # Compiling takes a minute, which the short run does not have.
    if [[ $device == cuda && ! $quick ]]; then options+=(--compiled); fi
  else
    printf 'no baseline: %s has no torch\n' "$python" | tee -a "$out/speed.txt"
  fi
  step speed "$pellucid" bench "${options[@]}" --patience $((limit[speed] * patience * 6 / 10))
}

# The words of a recipe for one of its two networks, a line each. A later option takes the place of an earlier one.
recipe() { # file, standard|robust
  awk -v kind="$2" '
    /^#/ || !NF { next }
    $1 == "[robust]" { if (kind == "standard") exit; next }
    { if (!($1 in value)) names[++count] = $1; value[$1] = $2 }
    END { for (i = 1; i <= count; i++) print names[i] "\n" value[names[i]] }' "$1"
}

train_pair() { # name, recipe, data (where the recipe names none), minutes for each network, images to judge by
  local name=$1 recipe=$2 data=$3 minutes=$4 judged=$5 kind words epsilon judge figures left text
  for kind in standard robust; do
    mapfile -t words < <(recipe "$recipe" "$kind")
    epsilon=$(printf '%s\n' "${words[@]}" | grep -A1 -x -e --epsilon | tail -n 1)
    text=$runs/$name-$kind.txt
    rm -f "$text"
    step train "$pellucid" train "${words[@]}" ${data:+--data "$data"} --device "$device" --max-minutes "$minutes" \
      --overwrite --out "$runs/$name-$kind" || return
    judge=(--data "${data:-phantom:$judged}" --epsilon "$epsilon" --limit "$judged" --device "$device" --json)
    if [[ $data ]]; then judge+=(--split "$runs/$name-$kind/split.csv"); fi
    left=$((deadline - SECONDS))
    if figures=$(timeout "$((left > 0 ? left : 1))" "$pellucid" evaluate "$runs/$name-$kind/best.onnx" "${judge[@]}" 2>>"$log"); then
      printf '{"stage":"train","network":%s,"evaluation":%s}\n' "$(json "$name-$kind")" "$(tr -d '\n' <<<"$figures")" >>"$results"
      {
        printf '%-20s ' "$name, $kind:"
        # The first accuracy is that on clean images, the second that under attack.
        grep -o '"accuracy": [0-9.]*' <<<"$figures" | awk '{ printf "%s%.1f %%", (NR > 1 ? " clean, " : ""), 100 * $2 }'
        printf ' under PGD-20 in L2 at ε = %s, of %s images; ' "$epsilon" "$judged"
        grep -o '[0-9]* epochs in [0-9.]* minutes' "$text" | tr '\n' ';'
        printf ' exported and verified\n'
      } | tee -a "$out/train.txt"
    else
      fail train "the network $name-$kind could not be evaluated: see $log"
    fi
  done
}

stage_train() {
  train_pair phantoms "$here/recipes/phantoms${quick:+-quick}.txt" '' 1 "$([[ $quick ]] && echo 60 || echo 300)"
  [[ -d $here/data ]] || return 0
  local reason=
  [[ $quick ]] && reason='the quick run has no time for it'
  [[ $device == cpu ]] && reason='an epoch takes a CPU many minutes'
  if [[ $reason ]]; then
    printf 'HAM10000 is left out: %s\n' "$reason" | tee -a "$out/train.txt"
    return 0
  fi
  train_pair ham10000 "$here/recipes/ham10000.txt" "ham10000:$here/data" 0.9 300
}

for stage in "${stages[@]}"; do
  printf '\n== %s\n' "$stage"
  printf '== %s, %s, %s UTC\n' "$stage" "$device" "$(date -u '+%F %T')" >"$out/$stage.txt" || { failed+=("$stage"); continue; }
  begun=$SECONDS deadline=$((SECONDS + limit[$stage] * patience))
  if [[ $trouble ]]; then fail "$stage" "$trouble"; else "stage_$stage"; fi
  printf '{"stage":%s,"seconds":%d}\n' "$(json "$stage")" $((SECONDS - begun)) >>"$results"
  printf '   (%d s)\n' $((SECONDS - begun)) | tee -a "$out/$stage.txt"
done

# ---- one page -------------------------------------------------------------------------------------------------------------
{
  printf 'Pellucid on %s, %s UTC%s\n' "$device" "$(date -u '+%F %T')" "${quick:+, the quick run}"
  cat "$here/built" 2>/dev/null
  for stage in "${stages[@]}"; do printf '\n'; cat "$out/$stage.txt"; done
  printf '\n'
  if ((${#failed[@]})); then printf 'FAILED: %s\n' "$(printf '%s\n' "${failed[@]}" | sort -u | paste -sd ' ')"; else printf 'All went well: %s\n' "${stages[*]}"; fi
} >"$out/summary.txt" || failed+=(summary)
printf '\nThe summary is in %s\n' "$out/summary.txt"
tail -n 1 "$out/summary.txt"
((${#failed[@]} == 0))
