"""The training system: how generator, style encoder and discriminator learn from each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from exegan.config import AugmentConfig, DiscriminatorConfig, LossConfig, ModelConfig, OptimizerConfig, to_dict
from exegan.data.samples import Sample
from exegan.errors import ConfigError
from exegan.losses.adversarial import discriminator_loss, path_length_penalty, r1_penalty
from exegan.losses.objective import Completion, GeneratorObjective
from exegan.nets.discriminator import Discriminator
from exegan.nets.model import Model
from exegan.ops.composite import composite
from exegan.training.augment import DiscriminatorAugment
from exegan.training.ema import decay_for, make_average, update_average
from exegan.training.warm_start import copy_fitting_weights


class ExeGanModule(L.LightningModule):
    """Adversarial training of one model with manual optimisation, counted in images.

    Args:
        model: Shapes of generator and style encoder.
        discriminator: Shape of the discriminator.
        losses: Weights of the loss terms.
        optimizers: Learning rates.
        style_mixing_prob: Probability that a sample's coarse layers take two random styles.
        ema_kimg: Half-life of the averaged weights in thousands of images.
        ema_rampup: The half-life is at most this share of the images seen so far; 0 = no ramp-up.
        warm_start: Checkpoint (.ckpt) of another run, of the same or another resolution, or a model folder, whose
            fitting weights are the starting point; null starts from noise.
        channels_last: Keep convolution weights channels-last, which half precision is faster with.
        augment: What is done to the pictures that the discriminator sees.

    Raises:
        ConfigError: The style encoder is `irse50`, which is not trained, and `warm_start` brings no weights for it.
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
        ema_kimg: float = 10.0,
        ema_rampup: float = 0.05,
        warm_start: str | None = None,
        channels_last: bool = False,
        augment: AugmentConfig = AugmentConfig(),
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # Plain types only: a dataclass would make the checkpoint unreadable without executing code.
        self.save_hyperparameters({"model": to_dict(model), "losses": to_dict(losses)})
        self.losses, self.optimizer_config = losses, optimizers
        self.style_mixing_prob, self.ema_kimg, self.ema_rampup = style_mixing_prob, ema_kimg, ema_rampup
        side = model.generator.resolution
        if discriminator.channel_base < side:
            raise ConfigError(f"discriminator.channel_base is {discriminator.channel_base}, expected at least {side}")
        self.model = Model(model)
        self.discriminator = Discriminator(discriminator, side)
        self.objective = GeneratorObjective(losses)
        copied = copy_fitting_weights(self, warm_start) if warm_start is not None else set()
        if model.style_encoder.kind == "irse50" and not any(key.startswith("model.style_encoder.") for key in copied):
            raise ConfigError(
                "the style encoder irse50 is not trained; give model.warm_start a model that has its weights"
            )
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self.model_ema = make_average(self.model)
        self.augment = DiscriminatorAugment(augment)
        self.register_buffer("images_seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean_path_length", torch.zeros(()))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        config = self.optimizer_config
        trained = [p for p in self.model.parameters() if p.requires_grad]
        return [
            _make_adam(trained, config.lr, config.betas, self.losses.path_length_interval, self.losses.path_length),
            _make_adam(
                self.discriminator.parameters(),
                config.discriminator_lr,
                config.betas,
                self.losses.r1_interval,
                self.losses.r1,
            ),
        ]

    def training_step(self, batch: Sample, batch_idx: int) -> None:
        """One batch for both networks. The completion made for the discriminator's step serves the generator's too."""
        generator_optimizer, discriminator_optimizer = cast(list[LightningOptimizer], self.optimizers())
        sample = self.complete(batch)
        self._descend(discriminator_optimizer, self._discriminator_loss(sample))
        if self._is_due(self.losses.r1, self.losses.r1_interval):
            self._descend(discriminator_optimizer, self._r1_loss(sample.image))
        with _frozen(self.discriminator):
            self._descend(generator_optimizer, self._generator_loss(sample))
        if self._is_due(self.losses.path_length, self.losses.path_length_interval):
            self._descend(generator_optimizer, self._path_length_loss(batch))
        self._finish_batch(len(sample.image))

    def complete(self, batch: Sample) -> Completion:
        """Complete a batch as in training: fresh z with style mixing, fresh noise, gradients kept."""
        image, mask = batch["image"], batch["mask"]
        generator = self.model.generator
        style = self.model.style_encoder(batch["exemplar"])
        w_plus = generator.mix_styles(self._draw_w(len(image)), style)
        noise = [torch.randn(len(image), 1, h, w, device=image.device) for h, w in generator.config.noise_shapes()]
        completed = composite(generator(image, mask, w_plus, noise).float(), image, mask)
        # Near 0, the style encoder has collapsed: one code for every face.
        self.log("train/style_std", style.detach().float().std(dim=0).mean())
        return Completion(completed, image, mask, batch["exemplar"], batch["is_self"])

    def _draw_w(self, batch: int) -> Tensor:
        """Stochastic styles [B, num_ws, w_dim]; the coarse layers of some samples take two."""
        config = self.model.config.generator
        first, second = self.model.generator.mapping(torch.randn(2 * batch, config.z_dim, device=self.device)).chunk(2)
        crossover = torch.randint(1, max(config.num_coarse, 2), (batch, 1), device=self.device)
        unmixed = torch.rand(batch, 1, device=self.device) >= self.style_mixing_prob
        keep_first = (torch.arange(config.num_ws, device=self.device) < crossover) | unmixed
        return torch.where(keep_first[:, :, None], first[:, None], second[:, None])

    def _discriminator_loss(self, sample: Completion) -> Tensor:
        # One call for both halves would mix them in the minibatch standard deviation.
        fake, real = self.augment(sample.completed.detach(), sample.image)
        fake_logits = self.discriminator(fake).float()
        real_logits = self.discriminator(real).float()
        self.augment.update(real_logits)
        loss = discriminator_loss(real_logits, fake_logits)
        self.log_dict(
            {
                "train/discriminator": loss.detach(),
                "train/real_logit": real_logits.detach().mean(),
                "train/fake_logit": fake_logits.detach().mean(),
                "train/real_sign": self.augment.real_sign,
            }
        )
        if self.augment.adaptive:
            self.log("train/ada_p", self.augment.p)
        return loss

    def _r1_loss(self, image: Tensor) -> Tensor:
        with self._full_precision():
            # Slopes are taken at what the discriminator sees. At the picture before its transform they would depend on
            # the draw (contrast scales them) and need second derivatives of warps, which few PyTorch releases have.
            real = self.augment(image)[0].detach().clone().requires_grad_(True)
            penalty = r1_penalty(self.discriminator(real), real)
        self.log("train/r1", penalty.detach())
        return penalty * (self.losses.r1 / 2 * self.losses.r1_interval)

    def _generator_loss(self, sample: Completion) -> Tensor:
        # A learned style encoder could lower the attribute term by changing itself, so its frozen average measures.
        total: Tensor
        total, parts = self.objective(
            sample, lambda fake: self.discriminator(*self.augment(fake)), self.model_ema.style_encoder
        )
        self.log_dict({f"train/{name}": value.detach() for name, value in parts.items()})
        return total

    def _path_length_loss(self, batch: Sample) -> Tensor:
        count = max(1, len(batch["image"]) // self.losses.path_length_shrink)
        generator = self.model.generator
        with self._full_precision():
            style = self.model.style_encoder(batch["exemplar"][:count])
            w_plus = generator.mix_styles(self._draw_w(count), style)
            fake = generator(batch["image"][:count], batch["mask"][:count], w_plus)
            decay = self.losses.path_length_decay
            penalty, mean_length = path_length_penalty(fake, w_plus, self.mean_path_length, decay)
        self.mean_path_length.copy_(mean_length)
        self.log_dict({"train/path_length": penalty.detach(), "train/mean_path_length": mean_length})
        return penalty * (self.losses.path_length * self.losses.path_length_interval)

    def _is_due(self, weight: float, interval: int) -> bool:
        return weight > 0 and int(self.batches_seen) % interval == 0

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
        self.log("kimg", self.images_seen / 1000)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the losses' frozen networks out of the checkpoint; they come from their own files."""
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {key: value for key, value in state.items() if not key.startswith("objective.")}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the present frozen networks back where loading expects them."""
        frozen = {f"objective.{key}": value for key, value in self.objective.state_dict().items()}
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **frozen}


def images_seen(system: L.LightningModule) -> int:
    """Images that a training system has seen, over all devices: the clock of everything around the training steps."""
    return int(cast(ExeGanModule, system).images_seen)


def _make_adam(
    parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], interval: int, weight: float
) -> torch.optim.Adam:
    """Adam, slowed so that an additional step every `interval` batches leaves the pace as it was (StyleGAN2, B)."""
    ratio = interval / (interval + 1) if weight else 1.0
    scaled = (betas[0] ** ratio, betas[1] ** ratio)
    return torch.optim.Adam(parameters, lr=lr * ratio, betas=scaled, eps=1e-8, fused=True)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module without collecting any for its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
