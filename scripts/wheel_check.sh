#!/usr/bin/env bash
# Builds wheel and sdist, installs each into a new environment outside of the clone, and uses it there.
set -euo pipefail
: "${PYTHON:=python3}" "${BIN:=.venv/bin}"
extras="${EXTRAS:-tensorflow-cpu,programs}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say() { printf '== %s\n' "$*"; }

constraints=()
if [ -n "${CONSTRAINTS:-}" ] && grep -qxF "# $(PYTHON="$PYTHON" scripts/platform.sh)" "$CONSTRAINTS"; then
    constraints=(--constraint "$PWD/$CONSTRAINTS")
fi

say "Build"
"$BIN/python" -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || { tail -20 "$work/build.log"; exit 1; }
"$BIN/python" -m twine check --strict "$work"/dist/*
size="$(wc -c <"$(echo "$work"/dist/*.whl)")"
if [ "$size" -gt 6000000 ]; then
    echo "Expected a wheel of at most 6 MB. Received: $size bytes." >&2
    exit 1
fi

cat >"$work/use.py" <<'PROGRAM'
import sys
from pathlib import Path

import keras_vae

assert "keras" not in sys.modules, "import keras_vae must not import Keras"
import keras  # noqa: E402
import numpy as np  # noqa: E402

site = Path(keras_vae.__file__).parents[1]
assert not (site / "training").exists() and not (site / "export").exists(), site
assert not (site / "keras_vae/export/samples").exists(), "samples are to be copied from the repository"
x = np.random.default_rng(0).random((64, 8, 8, 1), "float32")
model = keras_vae.ConvVAE((8, 8, 1), latent_dim=2)
model.compile("adam")
loss = model.fit(x, epochs=1, verbose=0).history["loss"][0]
assert np.isfinite(loss), loss
model.save("m.keras")
assert np.allclose(keras.saving.load_model("m.keras").encode(x), model.encode(x))
model.export("served/1")
for name in keras_vae.presets.names():
    assert keras_vae.from_preset(name).built, name
assert len(keras_vae.presets.names()) == 6
print(f"fit, save, load and export work: loss {loss:.1f} nats, {site}")
PROGRAM

for file in "$work"/dist/*.whl "$work"/dist/*.tar.gz; do
    say "Install $(basename "$file")[$extras] into a new environment"
    rm -rf "$work/env" "$work/elsewhere"
    "$PYTHON" -m venv "$work/env"
    mkdir "$work/elsewhere"
    "$work/env/bin/pip" install --quiet --disable-pip-version-check "${constraints[@]}" "$file[$extras]"
    (
        cd "$work/elsewhere"
        export TF_CPP_MIN_LOG_LEVEL=2
        "$work/env/bin/python" "$work/use.py"
        for program in train evaluate predict classify "export saved-model" "export litert" verify check \
            serve-config presets explorer compress decompress demo; do
            # shellcheck disable=SC2086
            "$work/env/bin/keras-vae" $program --help >help.txt || { cat help.txt; exit 1; }
        done
        "$work/env/bin/keras-vae" presets
        # The page is ready in 20 seconds, also where its runtime is fetched first.
        timeout 20 "$work/env/bin/keras-vae" explorer conv_vae_fashion_mnist --out page
        case "$file" in *.whl) "$work/env/bin/keras-vae" demo --recipe conv_vae_digits --epochs 2 ;; esac
    )
done
say "Wheel and sdist work."
