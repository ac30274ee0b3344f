"""The training system: how generator, style encoder and discriminator learn from each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.profilers import Profiler
from torch import Tensor, nn

from exegan.config import (
    AugmentConfig,
    DiscriminatorConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    ProjectedConfig,
    to_dict,
)
from exegan.data.samples import Sample
from exegan.errors import ConfigError, TrainingDiverged, WeightsError
from exegan.io.weights import load_into, sha256_of_state
from exegan.losses.objective import Completion, GeneratorObjective
from exegan.losses.svgl import interior_weight
from exegan.losses.terms import discriminator_loss, diversity_loss, path_lengths, r1_penalty
from exegan.nets.discriminator import Discriminator, ProjectedDiscriminator
from exegan.nets.model import Model
from exegan.nets.original import read_style_encoder
from exegan.training.augment import DiscriminatorAugment
from exegan.training.export import copy_fitting_weights
from exegan.training.step import (
    BatchRandom,
    Completer,
    Patches,
    decay_for,
    discriminator_part,
    extract_patches,
    feature_distance,
    frozen_children,
    generator_part,
    make_average,
    make_step_networks,
    update_average,
)


def make_optimizers(
    config: OptimizerConfig, losses: LossConfig, model: nn.Module, discriminator: nn.Module
) -> list[torch.optim.Optimizer]:
    """Adam for what is trained of the model, and for the discriminator."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        _make_adam(trained, config.lr, config.betas, losses.path_length_interval, losses.path_length),
        _make_adam(discriminator.parameters(), config.discriminator_lr, config.betas, losses.r1_interval, losses.r1),
    ]


def _make_adam(
    parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], interval: int, weight: float
) -> torch.optim.Adam:
    """Adam, slowed so that an additional step every `interval` batches leaves the pace as it was (StyleGAN2, B)."""
    ratio = interval / (interval + 1) if weight else 1.0
    scaled = (betas[0] ** ratio, betas[1] ** ratio)
    return torch.optim.Adam(parameters, lr=lr * ratio, betas=scaled, eps=1e-8, fused=True)


_OF_LOSSES = "objective."


class ExeGanModule(L.LightningModule):
    """Adversarial training of one model with manual optimisation, counted in images.

    Args:
        model: Shapes of generator and style encoder.
        discriminator: Shape of the discriminator.
        losses: Weights of the loss terms.
        optimizers: Learning rates.
        style_mixing_prob: Probability that a sample's coarse layers take two random styles.
        exemplar_dropout_prob: Probability that a sample is completed without its exemplar, from the stochastic style
            alone, as `exemplar_strength` 0 asks for.
        ema_kimg: Half-life of the averaged weights in thousands of images.
        ema_rampup: The half-life is at most this share of the images seen so far; 0 = no ramp-up.
        warm_start: Checkpoint (.ckpt) of another run, of the same or another resolution, or a model folder, or
            `default` for the bundled one, whose fitting weights are the starting point; null starts from noise.
        style_encoder_weights: The original's `psp_ffhq_encode.pt` for the style encoder `irse50`, where `warm_start`
            does not bring it.
        channels_last: Keep convolution weights channels-last, which half precision is faster with.
        compile_networks: Compile the networks with `torch.compile`: minutes at the start, then faster steps.
        seed: Seed of everything random in the steps; the initial weights have `seed_everything`.
        augment: What is done to the pictures that the discriminator sees.
        projected: The discriminator on frozen features, where `losses.projected` asks for one.

    Raises:
        ConfigError: The style encoder is `irse50`, which is not trained, and nothing brings weights for it.
        WeightsError: A frozen network's weights or those of `warm_start` are missing or do not fit.
    """

    images_seen: Tensor
    batches_seen: Tensor
    mean_path_length: Tensor

    def __init__(
        self,
        model: ModelConfig,
        discriminator: DiscriminatorConfig,
        losses: LossConfig,
        optimizers: OptimizerConfig,
        style_mixing_prob: float = 0.5,
        exemplar_dropout_prob: float = 0.0,
        ema_kimg: float = 10.0,
        ema_rampup: float = 0.05,
        warm_start: str | None = None,
        style_encoder_weights: str | None = None,
        channels_last: bool = False,
        compile_networks: bool = False,
        seed: int = 0,
        augment: AugmentConfig = AugmentConfig(),
        projected: ProjectedConfig = ProjectedConfig(),
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # Plain types only: a dataclass would make the checkpoint unreadable without executing code.
        self.save_hyperparameters({"model": to_dict(model), "losses": to_dict(losses)})
        self.losses, self.optimizer_config = losses, optimizers
        self.ema_kimg, self.ema_rampup, self.seed = ema_kimg, ema_rampup, seed
        side = model.generator.resolution
        if discriminator.channel_base < side:
            raise ConfigError(f"discriminator.channel_base is {discriminator.channel_base}, expected at least {side}")
        self.model = Model(model)
        self.discriminator = Discriminator(discriminator, side)
        self.objective = GeneratorObjective(losses)
        self.projected: ProjectedDiscriminator | None = None
        if losses.projected and self.objective.projected_net is not None:
            self.projected = ProjectedDiscriminator(projected, self.objective.projected_net, side)
        self._start_from(model, warm_start, style_encoder_weights)
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self._frozen_parts, self._frozen_sha256 = set(frozen_children(self.model)), cast(str | None, None)
        self.model_ema = make_average(self.model)
        self.networks = make_step_networks(self.model, self.model_ema, self.discriminator, compile_networks)
        self.completer = Completer(self.model, self.networks, style_mixing_prob, exemplar_dropout_prob)
        self.augment = DiscriminatorAugment(augment)
        self._figures: dict[str, Tensor] = {}
        self.register_buffer("images_seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean_path_length", torch.zeros(()))

    def _start_from(self, model: ModelConfig, warm_start: str | None, style_encoder_weights: str | None) -> None:
        """Take the weights that a run starts from, and refuse to train beside an encoder that has none."""
        copied = copy_fitting_weights(self, warm_start) if warm_start is not None else set()
        if model.style_encoder.kind != "irse50":
            if style_encoder_weights is not None:
                raise ConfigError(
                    f"model.style_encoder_weights is {style_encoder_weights}, but the style encoder "
                    f"{model.style_encoder.kind} learns its own; leave it out, or choose irse50"
                )
        elif style_encoder_weights is not None:
            found = read_style_encoder(style_encoder_weights, model.generator)
            load_into(self.model.style_encoder, found, style_encoder_weights)
        elif not self._whole_encoder() <= copied:
            raise ConfigError(
                "the style encoder irse50 is not trained; give model.style_encoder_weights the original's "
                "psp_ffhq_encode.pt, or model.warm_start a model that has its weights"
            )

    def _whole_encoder(self) -> set[str]:
        """Names of the style encoder's entries that cannot be done without."""
        state = self.model.style_encoder.state_dict()
        return {f"model.style_encoder.{key}" for key in state if not key.endswith("num_batches_tracked")}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        discriminators = nn.ModuleList(one for one in (self.discriminator, self.projected) if one is not None)
        return make_optimizers(self.optimizer_config, self.losses, self.model, discriminators)

    def training_step(self, batch: Sample, batch_idx: int) -> None:
        """One batch for both networks. The completion made for the discriminator's step serves the generator's too."""
        generator_optimizer, discriminator_optimizer = cast(list[LightningOptimizer], self.optimizers())
        number, trainer = int(self.batches_seen), self.trainer
        random = BatchRandom(self.seed, number, self.device, trainer.global_rank, trainer.world_size)
        with self._phase("generate"):
            sample, style = self.completer.complete(batch, random)
            # Near 0, the style encoder has collapsed: one code for every face.
            self._note(style_std=style.float().std(dim=0).mean())
            patches = self._patches(sample, random)
        with self._phase("discriminator"):
            if self.losses.adversarial or patches is not None:
                self._descend(discriminator_optimizer, self._discriminator_loss(sample, patches))
        if self.losses.adversarial and _is_due(number, self.losses.r1, self.losses.r1_interval):
            with self._phase("r1"):
                self._descend(discriminator_optimizer, self._r1_loss(sample.image))
        with self._phase("generator"), _frozen(self.discriminator), _frozen(self.projected):
            self._descend(generator_optimizer, self._generator_loss(sample, patches))
        if _is_due(number, self.losses.path_length, self.losses.path_length_interval):
            with self._phase("path_length"):
                self._descend(generator_optimizer, self._path_length_loss(batch, random))
        if _is_due(number, self.losses.diversity, self.losses.diversity_interval):
            with self._phase("diversity"):
                self._descend(generator_optimizer, self._diversity_loss(batch, random))
        with self._phase("ema"):
            self._finish_batch(len(sample.image))

    def _patches(self, sample: Completion, random: BatchRandom) -> Patches | None:
        """Input of the discriminator on frozen features, where there is one."""
        if self.projected is None or self.objective.projected_net is None:
            return None
        return extract_patches(sample, self.projected, self.objective.projected_net, random.uniform(len(sample.image)))

    def _discriminator_loss(self, sample: Completion, patches: Patches | None) -> Tensor:
        loss = sample.completed.new_zeros(())
        if self.losses.adversarial:
            loss = loss + self._picture_loss(sample)
        if patches is not None:
            hinge = discriminator_part(patches)
            self._expect_finite({"projected discriminator": hinge})
            self._note(projected_discriminator=hinge)
            loss = loss + hinge
        return loss

    def _picture_loss(self, sample: Completion) -> Tensor:
        # One call for both halves would mix them in the minibatch standard deviation.
        fake, real = self.augment(sample.completed.detach(), sample.image)
        fake_logits = self.networks.discriminator(fake).float()
        real_logits = self.networks.discriminator(real).float()
        loss = discriminator_loss(real_logits, fake_logits)
        self._expect_finite({"discriminator": loss})
        self.augment.update(real_logits)
        self._note(
            discriminator=loss,
            real_logit=real_logits.mean(),
            fake_logit=fake_logits.mean(),
            real_sign=self.augment.real_sign,
        )
        if self.augment.adaptive:
            self._note(ada_p=self.augment.p)
        return loss

    def _r1_loss(self, image: Tensor) -> Tensor:
        with self._full_precision():
            # Slopes are taken at what the discriminator sees. At the picture before its transform they would depend on
            # the draw (contrast scales them) and need second derivatives of warps, which few PyTorch releases have.
            real = self.augment(image)[0].detach().clone().requires_grad_(True)
            penalty = r1_penalty(self.discriminator(real), real)
        self._expect_finite({"r1": penalty})
        self._note(r1=penalty)
        return penalty * (self.losses.r1 / 2 * self.losses.r1_interval)

    def _generator_loss(self, sample: Completion, patches: Patches | None) -> Tensor:
        total: Tensor
        total, parts = self.objective(
            sample, lambda fake: self.networks.discriminator(*self.augment(fake)), self.networks.attribute_encoder
        )
        if patches is not None:
            parts["projected"] = generator_part(patches)
            total = total + self.losses.projected * parts["projected"]
            if self.losses.feature_matching:
                parts["feature_matching"] = feature_distance(patches, sample.is_reconstruction())
                total = total + self.losses.feature_matching * parts["feature_matching"]
        self._expect_finite(parts)
        self._note(**parts)
        return total

    def _path_length_loss(self, batch: Sample, random: BatchRandom) -> Tensor:
        count = max(1, len(batch["image"]) // self.losses.path_length_shrink)
        with self._full_precision():
            fake, w_plus = self.completer.generate_from_styles(batch, count, random)
            lengths = path_lengths(fake, w_plus, random.normal(*fake.shape))
            mean_now = self.trainer.strategy.reduce(lengths.detach().mean(), reduce_op="mean")
            mean_length = torch.lerp(self.mean_path_length, mean_now, self.losses.path_length_decay)
            penalty = (lengths - mean_length).square().mean()
        self._expect_finite({"path_length": penalty})
        self.mean_path_length.copy_(mean_length)
        self._note(path_length=penalty, mean_path_length=mean_length)
        return penalty * (self.losses.path_length * self.losses.path_length_interval)

    def _diversity_loss(self, batch: Sample, random: BatchRandom) -> Tensor:
        count = max(1, len(batch["image"]) // 2)
        first, second = self.completer.generate_twins(batch, count, random)
        loss = diversity_loss(first, second, interior_weight(batch["mask"][:count]), self.losses.diversity_target)
        self._expect_finite({"diversity": loss})
        self._note(diversity=loss)
        return loss * (self.losses.diversity * self.losses.diversity_interval)

    def _expect_finite(self, parts: dict[str, Tensor]) -> None:
        """Refuse to learn from a loss term that is none, before it reaches a weight.

        All processes refuse together; one alone would leave the others waiting for its gradients.
        """
        bad = {name: float(value) for name, value in parts.items() if not value.isfinite()}
        if not self.trainer.strategy.reduce_boolean_decision(not bad, all=True):
            name, value = next(iter(bad.items()), ("of another process", math.nan))
            raise TrainingDiverged(
                f"the loss term {name!r} became {value} at {int(self.images_seen) / 1000:.3f} kimg; "
                "lower optimizers.lr or the term's weight and go on from a checkpoint before it"
            )

    def _note(self, **figures: Tensor) -> None:
        """Keep figures of this step for the log."""
        self._figures |= {f"train/{name}": value.detach().float() for name, value in figures.items()}

    def _log_figures(self) -> None:
        """Log what was noted in this step, averaged over the processes in one exchange."""
        means = self.trainer.strategy.reduce(torch.stack(list(self._figures.values())), reduce_op="mean")
        self.log_dict(dict(zip(self._figures, means, strict=True)))
        self._figures = {}

    def _phase(self, name: str) -> AbstractContextManager[None]:
        """Names a part of the step for the trainer's profiler."""
        profiler: Profiler = self.trainer.profiler  # type: ignore[attr-defined]
        return profiler.profile(f"step/{name}")

    def _descend(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def _full_precision(self) -> torch.autocast:
        """Second derivatives are taken in float32; half precision loses them."""
        return torch.autocast(self.device.type, enabled=False)

    def _finish_batch(self, batch: int) -> None:
        images = batch * self.trainer.world_size
        decay = decay_for(images, int(self.images_seen), self.ema_kimg, self.ema_rampup)
        update_average(self.model_ema, self.model, decay)
        self.images_seen += images
        self.batches_seen += 1
        self.log("step", self.images_seen.float())  # what Lightning's logs count in
        self._log_figures()

    def frozen_state(self) -> dict[str, Tensor]:
        """Entries of `model` that no step changes; `write_checkpoint` keeps them once for a whole run."""
        state = self.model.state_dict()
        return {key: value for key, value in state.items() if key.partition(".")[0] in self._frozen_parts}

    def frozen_sha256(self) -> str:
        """Hash of `frozen_state`."""
        if self._frozen_sha256 is None:
            self._frozen_sha256 = sha256_of_state(self.frozen_state())
        return self._frozen_sha256

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave what is frozen out of the checkpoint: the losses' networks come from their own files."""
        places = self._frozen_places()
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {key: value for key, value in state.items() if not key.startswith(places)}
        if self._frozen_parts:
            checkpoint["frozen_sha256"] = self.frozen_sha256()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the present frozen networks back where loading expects them.

        Raises:
            WeightsError: The run had another frozen part of the model.
        """
        noted = checkpoint.get("frozen_sha256")
        if noted is not None and noted != self.frozen_sha256():
            parts = " and ".join(sorted(self._frozen_parts)) or "frozen parts"
            raise WeightsError(
                f"the checkpoint was saved with another {parts} than this run has (sha256 {noted!s:.16}…, here "
                f"{self.frozen_sha256():.16}…); give model.style_encoder_weights or model.warm_start as the run had it"
            )
        places, saved = self._frozen_places(), checkpoint["state_dict"]
        # Older checkpoints hold the model's frozen parts, which are theirs to say.
        present = {
            key: value
            for key, value in self.state_dict().items()
            if key.startswith(places) and (key not in saved or key.startswith(_OF_LOSSES))
        }
        checkpoint["state_dict"] = {**saved, **present}
        self._frozen_sha256 = None

    def _frozen_places(self) -> tuple[str, ...]:
        """Beginnings of the names of all that is frozen."""
        return (_OF_LOSSES, *(f"{place}.{part}." for place in ("model", "model_ema") for part in self._frozen_parts))


def _is_due(batch_number: int, weight: float, interval: int) -> bool:
    return weight > 0 and batch_number % interval == 0


def images_seen(system: L.LightningModule) -> int:
    """Images that a training system has seen, over all devices: the clock of everything around the training steps."""
    return int(cast(ExeGanModule, system).images_seen)


@contextmanager
def _frozen(module: nn.Module | None) -> Iterator[None]:
    """Let gradients pass through a module without collecting any for its weights; None is let pass."""
    if module is None:
        yield
        return
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
