"""Judgement of an artifact's answers: differences from Keras, and from the true images."""

from collections.abc import Mapping

import keras
import numpy as np

from keras_vae.errors import UsageError
from keras_vae.export.formats import CALIBRATED
from keras_vae.export.verification.comparison import (
    DATA_OUTPUT,
    EXACT_PSNR,
    PICTURES,
    Difference,
    differences,
)
from keras_vae.export.verification.tolerances import (
    MAX_NATS,
    RELATIVE_ERROR,
    describe_difference,
    describe_tolerance,
    is_close,
)
from keras_vae.metrics.pictures import psnr
from keras_vae.typing import LatentModel

Answers = dict[str, dict[str, np.ndarray]]

# By how many dB an int8 artifact may be worse than float32, against the true images.
MAX_DECIBELS = 0.1
# Half a step of an 8-bit image. Means that were rounded to 0 or 1 would make log p infinite, so
# those of Keras and of the artifact are clipped.
HALF_LEVEL = 1 / 512
# A value between two of the 256 levels of a PNG may be rounded to either. So an error of one level
# must be within the tolerance, and one of two levels must not.
GRAY_LEVEL = 0.9 * RELATIVE_ERROR
# Largest relative error of a closed form against Keras for it to be used.
SAME = 1e-3


class Judge:
    """A comparison of answers with those of Keras and with the true data.

    Args:
        model: The Keras model.
        x: True examples, `(n, *event_shape)`, or None for generated inputs.
        expected: Answers of Keras by signature and output.
        requests: What was asked, by signature and input; None if samples are not followed.
    """

    def __init__(
        self,
        model: LatentModel,
        x: np.ndarray | None,
        expected: Answers,
        requests: Answers | None = None,
    ) -> None:
        self.model, self.x, self.expected, self.requests = model, x, expected, requests

    def differences(self, received: Answers) -> dict[str, dict[str, Difference]]:
        """Return the difference of each output from that of Keras.

        Raises:
            ValueError: If an output is missing, has another shape, or is no output of the model.
        """
        unknown = sorted(set(received) - set(self.expected))
        if unknown or not received:
            raise UsageError(
                f"Expected signatures of the model, {sorted(self.expected)}. Received: {unknown}."
            )
        expected = {name: self.expected[name] for name in received}
        return differences(self.model, expected, received, self.requests)

    def reference(self) -> dict[str, float]:
        """Return the values of Keras itself, which changes refer to.

        Returns:
            `score`, the mean score in nats. For images also `true_psnr`, in dB.
        """
        pictures = self._reconstructions(self.expected)
        found = {"score": float(self.expected["score"]["score"].mean())}
        if pictures is not None and self.x is not None:
            error = float(np.mean(np.square(pictures - self._prepared(self.x))))
            found["true_psnr"] = float(psnr(error, cap=EXACT_PSNR))
        return found

    def decibels(self, received: Answers) -> float | None:
        """Return the change of the PSNR against the true images in dB; negative is worse."""
        mine, theirs = (
            self._reconstructions(received),
            self._reconstructions(self.expected, like=received),
        )
        if mine is None or theirs is None or self.x is None:
            return None
        x = self._prepared(self.x)
        error, wanted = (float(np.mean(np.square(p - x))) for p in (mine, theirs))
        return float(psnr(error) - psnr(wanted)) if error > 0 and wanted > 0 else 0.0

    def nats(self, received: Answers) -> float | None:
        """Return the change of -ELBO at the mean code in nats; positive is worse.

        For models without KL it is the change of -log p(x | z). If the artifact has `score`, it is
        the change of its mean. Otherwise it follows from the closed form, if that gives Keras's own
        score.
        """
        if self.x is None:
            return None
        if "score" in received:
            mine, theirs = (float(a["score"]["score"].mean()) for a in (received, self.expected))
            return mine - theirs
        distortion = self._distortion(received)
        rate = self._rate(received) if "encode" in received else 0.0
        return None if distortion is None or rate is None else distortion + rate

    def list_failures(
        self,
        found: Mapping[str, Mapping[str, Difference]],
        quantization: str | None,
        decibels: float | None,
        nats: float | None,
    ) -> list[str]:
        """Describe each tolerance that is not met; empty if all are."""
        words = [
            f"{signature}/{name}: {describe_difference(one, quantization)}, needed is "
            f"{describe_tolerance(f'{signature}/{name}', one, quantization)}"
            for signature, outputs in found.items()
            for name, one in outputs.items()
            if not is_close(f"{signature}/{name}", one, quantization)
        ]
        if quantization in CALIBRATED and decibels is not None and decibels < -MAX_DECIBELS:
            words.append(
                f"{-decibels:.2f} dB worse against the true images, {MAX_DECIBELS} allowed"
            )
        if quantization in CALIBRATED and nats is not None and nats > MAX_NATS:
            words.append(f"{nats:.2f} nats worse, {MAX_NATS} allowed")
        return words

    def _reconstructions(self, answers: Answers, like: Answers | None = None) -> np.ndarray | None:
        """Return the reconstructions of x, in the unit of the networks.

        They are outputs of `reconstruct`, or of `decode`, whose first inputs are the codes of x.
        """
        for signature in ("reconstruct", "serving_default", "decode"):
            if signature in (answers if like is None else like):
                pictures = answers[signature].get(DATA_OUTPUT)
                if pictures is not None and self.x is not None and len(pictures) >= len(self.x):
                    return self._prepared(pictures[: len(self.x)])
        return None

    def _prepared(self, x: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(self.model.preprocess.forward(x)).astype("float64")

    def _distortion(self, received: Answers) -> float | None:
        """Return the change of the mean of -log p(x | z), in nats."""
        mine, theirs = (
            self._reconstructions(received),
            self._reconstructions(self.expected, like=received),
        )
        if mine is None or theirs is None or not self._has_one_output():
            return None
        for parameter in (_mean, _logit):
            exact = self._log_prob(parameter(theirs, 1e-7))
            if _are_close(exact, -self.expected["score"]["reconstruction_error"]):
                clipped = [self._log_prob(parameter(p, HALF_LEVEL)) for p in (mine, theirs)]
                return float(clipped[1].mean() - clipped[0].mean())
        return None

    def _has_one_output(self) -> bool:
        """Return whether the decoder has one number for each element of x."""
        family, shape = self.model.family, self.model.event_shape
        return family.heads == 1 and family.output_shape(shape) == shape

    def _log_prob(self, parameter: np.ndarray) -> np.ndarray:
        """Return log p(x | z) for decoders with one output, a mean or a logit."""
        shared = self.model.shared_parameters
        density = self.model.family(parameter.astype("float32"), *shared)
        return np.asarray(self.model.preprocess.of_raw_data(density).log_prob(self.x))

    def _rate(self, received: Answers) -> float | None:
        """Return the change of the mean KL term in nats; 0 for models without one."""
        if "kl" not in self.expected["score"]:
            return 0.0
        mine, theirs = (self._kl(answers["encode"]) for answers in (received, self.expected))
        if mine is None or theirs is None or not _are_close(theirs, self.expected["score"]["kl"]):
            return None
        return float(mine.mean() - theirs.mean())

    def _kl(self, codes: Mapping[str, np.ndarray]) -> np.ndarray | None:
        from keras_vae.distributions import Normal

        if set(codes) != {"z_mean", "z_log_var"}:
            return None
        q = Normal(codes["z_mean"], codes["z_log_var"])
        return np.asarray(q.kl(self.model.prior(q.mean)))


def gray_levels(answers: Answers) -> Answers:
    """Return answers with image files as their gray levels, in steps of GRAY_LEVEL."""
    from keras_vae.export.saved_model.png_endpoint import decode_png

    return {
        name: {
            key: decode_png(array) * GRAY_LEVEL if name == PICTURES else array
            for key, array in outputs.items()
        }
        for name, outputs in answers.items()
    }


def _mean(values: np.ndarray, margin: float) -> np.ndarray:
    return values


def _logit(values: np.ndarray, margin: float) -> np.ndarray:
    clipped = np.clip(values, margin, 1 - margin)
    return np.log(clipped) - np.log1p(-clipped)


def _are_close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() <= SAME * max(1.0, float(np.abs(b).max())))
