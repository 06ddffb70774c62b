"""Sharpness falls out of focus, exposure with what is black or burnt out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenery import square, street

from custodes.rendition.quality import Quality


@pytest.mark.parametrize("scene", [street(), square()])
def test_sharpness_falls_as_the_picture_goes_out_of_focus(scene: np.ndarray) -> None:
    found = [Quality.of(scene).sharpness_permille]
    found += [
        Quality.of(cv2.GaussianBlur(scene, (0, 0), blur)).sharpness_permille for blur in (0.7, 1.5, 3, 6)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 600
    assert found[-1] < 250


def test_sharpness_does_not_follow_the_contrast_of_the_scene() -> None:
    scene = street()
    half = (scene // 2 + 60).astype(np.uint8)
    assert abs(Quality.of(scene).sharpness_permille - Quality.of(half).sharpness_permille) < 80


def test_exposure_is_the_share_that_is_neither_black_nor_burnt_out() -> None:
    picture = np.full((100, 100, 3), 120, dtype=np.uint8)
    assert Quality.of(picture).exposure_permille == 1000
    picture[:20] = 255
    picture[80:] = 0
    assert Quality.of(picture) == Quality(Quality.of(picture).sharpness_permille, 600)
    picture[:20, :, 1:] = 0
    assert Quality.of(picture).exposure_permille == 600, "one channel that is burnt out is enough"


def test_a_plain_picture_has_no_sharpness() -> None:
    assert Quality.of(np.full((64, 64, 3), 9, dtype=np.uint8)).sharpness_permille == 0
