"""The mutated modules, each with the tests that must notice a fault in them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    """Modules that share their tests.

    Attributes:
        paths: Files of the modules, relative to the repository.
        tests: Files of tests, the cheapest that state what the modules promise. They must run in
            one process.
        share: Mutants of each module for one of any other.
    """

    paths: tuple[str, ...]
    tests: tuple[str, ...]
    share: int = 1


def _target(folder: str, modules: str, tests: str, share: int = 1) -> Target:
    paths = tuple(f"{folder}/{name}.py" for name in modules.split())
    return Target(paths, tuple(f"tests/{name}.py" for name in tests.split()), share)


TARGETS = (
    _target(
        "keras_vae/distributions",
        "autoregressive base bernoulli categorical choices laplace logistic masked normal special"
        " __init__",
        "distributions/test_families distributions/test_quantiles"
        " distributions/test_distributions distributions/test_grey_levels"
        " distributions/test_near_limits distributions/test_counts distributions/test_special"
        " samplers/test_sampler_networks",
    ),
    _target(
        "keras_vae/losses",
        "controllers schedules weights",
        "losses/test_weighted losses/test_schedules losses/test_controllers"
        " losses/test_loss_weights losses/test_settings",
    ),
    _target("keras_vae/losses", "discrepancy terms", "losses/test_terms"),
    _target("keras_vae/losses", "importance", "models/test_iwae"),
    _target(
        "keras_vae/base",
        "objective",
        "base/test_objective",
    ),
    _target(
        "keras_vae/backend",
        "on_tensorflow common",
        "backend/test_functions backend/test_steps",
    ),
    _target(
        "keras_vae/backend/tensorflow_kernels",
        "attention normalization recurrence",
        "backend/test_layer_kernels",
    ),
    _target(
        "keras_vae/estimators",
        "codes likelihood numerics quadrature",
        "estimators/test_host_arithmetic estimators/test_bad_estimators"
        " estimators/test_codes estimators/test_estimators estimators/test_diverged",
    ),
    _target(
        "keras_vae/quantization",
        "kmeans quantizers",
        "quantization/test_kmeans quantization/test_quantizers",
    ),
    _target(
        "keras_vae/variational",
        "flows posteriors priors simple_flows",
        "variational/test_parts variational/test_posteriors variational/test_flows"
        " variational/test_priors variational/test_simple_flows",
    ),
    _target(
        "keras_vae/samplers",
        "mixture",
        "samplers/test_mixture samplers/test_mixture_properties variational/test_parts",
    ),
    _target(
        "keras_vae/samplers",
        "autoregressive flow masked network transformer",
        "samplers/test_sampler_networks samplers/test_fitted_priors",
    ),
    _target(
        "keras_vae/samplers",
        "maf two_stage vectors",
        "samplers/test_maf samplers/test_two_stage samplers/test_vector_samplers",
    ),
    _target(
        "keras_vae/metrics",
        "codebook disentanglement distances features neighbors pictures probes",
        "metrics/test_neighbors metrics/test_metrics metrics/test_bad_metrics",
    ),
    _target(
        "export/verification",
        "comparison tolerances",
        "export/test_tolerances export/test_integer_codes_exported export/test_litert_gates",
    ),
    _target("export/verification", "judge", "export/test_judge"),
    _target("keras_vae/checkpointing", "files", "checkpointing/test_checkpoints"),
    _target(
        "keras_vae/checkpointing",
        "replay schedule sigterm state",
        "checkpointing/test_replay checkpointing/test_sigterm checkpointing/test_state"
        " checkpointing/test_write_schedule",
    ),
    _target("keras_vae/checkpointing", "callback_group", "checkpointing/test_resume_events"),
    _target("keras_vae/checkpointing", "exact_resume", "checkpointing/test_resume_events", share=3),
)
