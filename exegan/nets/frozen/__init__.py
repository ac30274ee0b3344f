"""Frozen backbones of losses and metrics, one file each; build them with `exegan.nets.features.make_frozen_net`."""
