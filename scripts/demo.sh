#!/bin/sh
# The whole way on real images: train, evaluate, draw, export, load back and compare.
set -eu
: "${BIN:=.venv/bin}"
python="$BIN/python"

scripts/fashion_mnist.sh
if [ -e /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ]; then
    recipe=conv_vae_fashion_mnist
else
    recipe=conv_vae_digits
    echo "Fashion-MNIST is not on this machine: the demo runs on scikit-learn's digits." >&2
fi

number=1
while [ -e "runs/demo-$number" ]; do number=$((number + 1)); done
run="runs/demo-$number"

step() { printf '\n== %s\n' "$*"; }

step "1/5 Train $recipe"
"$python" -m training.train "$recipe" --out "$run"
step "2/5 Evaluate on the test images"
"$python" -m training.evaluate "$run"
step "3/5 Export the SavedModel for TF Serving"
"$python" -m export.saved_model "$run" "$run/serving" --name vae
step "4/5 Export the decoder for devices"
"$python" -m export.tflite "$run" "$run/decoder.tflite" --endpoints decode
"$python" -m export.tflite "$run" "$run/decoder_int8.tflite" --endpoints decode --quantize int8
step "5/5 Load everything back and compare it with the Keras model"
"$python" -m export.verify "$run/serving/vae/1" "$run/decoder.tflite" "$run/decoder_int8.tflite" \
    --against "$run" --json "$run/verification.json" --markdown "$run/verification.md"

step "Done. All of it is in $run:"
ls -1d "$run"/* "$run"/pictures/*.png
