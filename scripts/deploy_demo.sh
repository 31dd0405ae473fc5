#!/bin/sh
# From a run of the demo to everything that an operator, an app and a web page need, verified.
set -eu
: "${BIN:=.venv/bin}"
program="$BIN/keras-vae"

last() { ls -1d runs/demo-* 2>/dev/null | grep -E 'demo-[0-9]+$' | sort -t- -k2 -n | tail -n 1; }

run="${RUN:-$(last)}"
if [ -z "$run" ]; then
    echo "Expected a run of the demo in runs/demo-N. Received: none. (Run 'make demo' first, or name a run: make deploy-demo RUN=runs/mine)" >&2
    exit 2
fi

number=1
while [ -e "$run/deploy-$number" ]; do number=$((number + 1)); done
out="$run/deploy-$number"
mkdir "$out"

step() { printf '\n== %s\n' "$*"; }

step "1/4 The SavedModel, version 1 of model 'vae', and the server's configuration"
"$program" export saved-model "$run" "$out/models" --name vae
"$program" serve-config "$out/models"
step "2/4 The decoder for devices: float32, float16, int8 weights, int8 arithmetic"
for kind in float32 float16 dynamic int8; do
    "$program" export litert "$run" "$out/decoder_$kind.tflite" --endpoints decode --quantize "$kind"
done
step "3/4 The latent explorer, a page that any web server can host"
"$program" explorer "$run" --out "$out/explorer" ||
    echo "The page was left out: its runtime comes from the npm registry and needs npm." >&2
step "4/4 Load everything back and compare it with the Keras model"
"$program" verify "$out/models/vae/1" "$out"/decoder_*.tflite --against "$run" \
    --json "$out/verification.json" --markdown "$out/verification.md"

step "Done. All of it is in $out:"
ls -1d "$out"/*
