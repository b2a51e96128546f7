"""Every network of the course, one function each, its numbers in sight. Nothing is downloaded.

Shape legend
    c1..c5    maps of the backbone, at nominal stride 2, 4, 8, 16, 32

Arguments that all builders share:
    classes        K.
    backbone       a name (BACKBONES) or a module with `channels` and `strides`; a dilated network dilates
                   a copy of it.
    stem           of a backbone given by name, see `make_backbone`.
    norm           the kind of every normalisation, see `make_norm`; of the backbone too, where it is a name.
    align_corners  of every resize inside and of the last one; True as in the official code.
    aux            whether to add the auxiliary head on c4.

Widths follow the backbone: the JPU's and EncNet's are a quarter of c5's channels, at most the official 512.
On the meta device (`with torch.device("meta")`) every builder takes milliseconds, for counting.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Literal

from torch import nn

from jpu_edu.backbones.by_name import Backbone, backbone_spec, make_backbone
from jpu_edu.backbones.cascade import Cascade
from jpu_edu.backbones.dilate import dilate
from jpu_edu.backbones.resnet import Stem
from jpu_edu.heads.aspp import ASPPHead
from jpu_edu.heads.context import ContextHead
from jpu_edu.heads.criss_cross import CrissCrossHead
from jpu_edu.heads.enc import EncHead
from jpu_edu.heads.fcn import FCNHead
from jpu_edu.heads.fcn_skip import FCNSkipHead
from jpu_edu.heads.psp import PSPHead
from jpu_edu.layers.norm import NormKind
from jpu_edu.models.segmenter import Segmenter
from jpu_edu.necks.bilinear import Bilinear
from jpu_edu.necks.encoder_decoder import EncoderDecoder
from jpu_edu.necks.fpn import FPN
from jpu_edu.necks.jpu import JPU
from jpu_edu.necks.jpu_x import JPU_X
from jpu_edu.necks.last import Last


def _recorded(builder: Callable[..., Segmenter]) -> Callable[..., Segmenter]:
    """Note in `architecture` how the network was built, for `weights.save`. The arguments pass through."""

    @functools.wraps(builder)
    def build(**arguments) -> Segmenter:
        parameters = inspect.signature(builder).parameters.values()
        given = {p.name: p.default for p in parameters if p.default is not p.empty} | arguments
        model = builder(**arguments)
        spec = backbone_spec(given["backbone"], stem=given.pop("stem"), norm=given["norm"])
        model.architecture = {"builder": builder.__name__, **given, "backbone": spec}
        return model

    return build


def _whole(
    backbone: nn.Module, neck: nn.Module, head: nn.Module, *,
    classes: int, norm: NormKind, align_corners: bool, aux: bool,
) -> Segmenter:  # fmt: skip
    """The three parts as a network, with the auxiliary head on c4 where asked for."""
    aux_head = FCNHead(backbone.channels[3], classes, norm=norm) if aux else None
    return Segmenter(backbone=backbone, neck=neck, head=head, aux_head=aux_head, align_corners=align_corners)


def _at_stride(backbone: nn.Module, output_stride: int, multi_grid: Sequence[int] | None = None) -> nn.Module:
    """The backbone at output stride 8 or 16: as it is where it has it already, else a dilated copy."""
    if backbone.strides[-1] == output_stride != 32 and multi_grid is None:
        return backbone
    return dilate(backbone, output_stride=output_stride, multi_grid=multi_grid)


def _width(backbone: nn.Module) -> int:
    return min(512, backbone.channels[4] // 4)


def _fcn(
    skips: int, classes: int, backbone: Backbone, stem: Stem | None, norm: NormKind, align_corners: bool, aux: bool
) -> Segmenter:
    """FCN with this many skips: one to c4, two to c4 and c3."""
    net = make_backbone(backbone, stem=stem, norm=norm)
    _, _, c3, c4, c5 = net.channels
    head = FCNSkipHead(c5, classes, skip_channels=(c4, c3)[:skips])
    return _whole(net, Last(net.channels), head, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def fcn32s(
    *, classes: int,
    backbone: Backbone = "vgg16", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = False,
    aux: bool = False,
) -> Segmenter:  # fmt: skip
    """FCN-32s: scores at stride 32, resized by 32.

    Notice: align_corners is False here, since FCN's bilinear kernels align pixels by their edges.

    Source: FCN (Long et al. 2015), section 4.1; walkthrough 05.
    """
    return _fcn(0, classes, backbone, stem, norm, align_corners, aux)


@_recorded
def fcn16s(
    *, classes: int,
    backbone: Backbone = "vgg16", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = False,
    aux: bool = False,
) -> Segmenter:  # fmt: skip
    """FCN-16s: one skip, to c4. Source: FCN (Long et al. 2015), section 4.2; walkthrough 05."""
    return _fcn(1, classes, backbone, stem, norm, align_corners, aux)


@_recorded
def fcn8s(
    *, classes: int,
    backbone: Backbone = "vgg16", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = False,
    aux: bool = False,
) -> Segmenter:  # fmt: skip
    """FCN-8s: two skips, to c4 and c3. Source: FCN (Long et al. 2015), section 4.2; walkthrough 05."""
    return _fcn(2, classes, backbone, stem, norm, align_corners, aux)


@_recorded
def dilated_fcn(
    *, classes: int, head: Literal["fcn", "context", "criss_cross"] = "fcn", output_stride: Literal[8, 16] = 8,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """DilatedFCN: the backbone at output stride 8, and scores from c5.

    Args:
        head: "fcn" a 3x3; "context" Yu and Koltun's seven dilated 3x3; "criss_cross" CCNet's attention.

    Source: Yu and Koltun 2016; FastFCN, figure 1 (c); walkthroughs 08 and 09.
    """
    net = _at_stride(make_backbone(backbone, stem=stem, norm=norm), output_stride)
    channels = net.channels[4]
    match head:
        case "fcn":
            top = FCNHead(channels, classes, norm=norm)
        case "context":
            top = ContextHead(channels, classes)
        case "criss_cross":
            top = CrissCrossHead(channels, classes, width=_width(net), norm=norm)
        case _:
            raise ValueError(f"dilated_fcn: head={head!r}; choose one of fcn, context, criss_cross")
    return _whole(net, Last(net.channels), top, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def deeplabv3(
    *, classes: int, context: Literal["aspp", "cascade"] = "aspp", output_stride: Literal[8, 16] = 8,
    multi_grid: Sequence[int] | None = None,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """DeepLabv3: context in parallel (ASPP) or in a row (blocks 5 to 7 at rates that double).

    Args:
        context: "aspp": rates 12, 24, 36 at output stride 8 and 6, 12, 18 at 16, beside the mean of the image;
            "cascade": three more copies of the last stage, then the plain head.
        multi_grid: one factor for each block of the last stage. None is the official FastFCN baseline for "aspp"
            (no multi-grid), and the paper's (1, 2, 1) for "cascade".

    Source: DeepLabv3 (Chen et al. 2017), sections 3.2 and 3.3; walkthrough 09.
    """
    net = make_backbone(backbone, stem=stem, norm=norm)
    match context:
        case "aspp":
            net = _at_stride(net, output_stride, multi_grid)
            rates = (12, 24, 36) if output_stride == 8 else (6, 12, 18)
            head = ASPPHead(net.channels[4], classes, rates=rates, norm=norm)
        case "cascade":
            net = Cascade(net, output_stride=output_stride, multi_grid=multi_grid, blocks=7, norm=norm)
            head = FCNHead(net.channels[4], classes, norm=norm)
        case _:
            raise ValueError(f"deeplabv3: context={context!r}; choose one of aspp, cascade")
    return _whole(net, Last(net.channels), head, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def pspnet(
    *, classes: int, output_stride: Literal[8, 16] = 8,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """PSPNet: c5 at output stride 8 beside its means over 1, 4, 9 and 36 boxes.

    Source: PSPNet (Zhao et al. 2017), section 3; walkthrough 09.
    """
    net = _at_stride(make_backbone(backbone, stem=stem, norm=norm), output_stride)
    head = PSPHead(net.channels[4], classes, bins=(1, 2, 3, 6), norm=norm, align_corners=align_corners)
    return _whole(net, Last(net.channels), head, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def encnet(
    *, classes: int, lateral: bool = False, se: bool = True, output_stride: Literal[8, 16] = 8,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """EncNet: 32 codewords describe the image, their code weighs the channels of c5 at output stride 8.

    Args:
        lateral: whether c3 and c4 join c5 before the encoding.
        se: whether to score the presence of every class, for the SE loss.

    Source: EncNet (Zhang et al. 2018), section 3; walkthrough 09.
    """
    net = _at_stride(make_backbone(backbone, stem=stem, norm=norm), output_stride)
    _, _, c3, c4, c5 = net.channels
    head = EncHead(
        c5, classes, width=_width(net), codes=32, kernel=3, se=se, lateral=(c3, c4) if lateral else None,
        norm=norm, align_corners=align_corners,
    )  # fmt: skip
    return _whole(net, Last(net.channels), head, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def encoder_decoder(
    *, classes: int, finest: int = 3,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """Encoder-decoder: back up from c5, one level at a time, to stride 8 (`finest=3`) or on to 2 (1).

    Source: U-Net (Ronneberger et al. 2015); FastFCN, figure 1 (b); walkthrough 10.
    """
    net = make_backbone(backbone, stem=stem, norm=norm)
    width = _width(net)
    neck = EncoderDecoder(net.channels, width=width, finest=finest, norm=norm, align_corners=align_corners)
    head = FCNHead(width, classes, width=width, norm=norm)
    return _whole(net, neck, head, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def fpn(
    *, classes: int, finest: int = 3,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """FPN: c3, c4, c5 at one width, added from the deepest to the finest; stride 8 at `finest=3`.

    Source: Lin et al. 2017; FastFCN, table 1; walkthrough 10.
    """
    net = make_backbone(backbone, stem=stem, norm=norm)
    width = _width(net)
    neck = FPN(net.channels, width=width, finest=finest, align_corners=align_corners)
    head = FCNHead(width, classes, width=width, norm=norm)
    return _whole(net, neck, head, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


@_recorded
def fastfcn(
    *, classes: int, head: Literal["fcn", "psp", "aspp", "enc"] = "enc",
    neck: Literal["jpu", "jpu_x", "bilinear"] = "jpu", width: int | None = None, se: bool = True,
    backbone: Backbone = "resnet50", stem: Stem | None = None, norm: NormKind = "batch", align_corners: bool = True,
    aux: bool = True,
) -> Segmenter:  # fmt: skip
    """FastFCN: the backbone at output stride 32, the JPU, and any head that a dilated network has.

    Notice: four branches of `width` channels make c5's number of channels again (4 * 512 = 2048), so the head
    of the dilated twin fits as it is. EncNet's first convolution alone changes, from 3x3 to 1x1.

    Args:
        head: "enc" is EncNet's, "aspp" DeepLabv3's at rates 12, 24, 36, "psp" PSPNet's, "fcn" a 3x3.
        neck: "jpu" (joins all levels at once), "jpu_x" (in two steps), "bilinear" (c5 resized: what is left without
            joint upsampling).
        width: channels of a level of the JPU; None for a quarter of c5's, at most 512.
        se: for "enc", whether to score the presence of every class.

    Source: FastFCN, section 3 and figure 2; walkthrough 11.
    """
    net = make_backbone(backbone, stem=stem, norm=norm)
    width = _width(net) if width is None else width
    match neck:
        case "jpu":
            middle = JPU(net.channels, width=width, rates=(1, 2, 4, 8), norm=norm, align_corners=align_corners)
        case "jpu_x":
            middle = JPU_X(net.channels, width=width, norm=norm, align_corners=align_corners)
        case "bilinear":
            middle = Bilinear(net.channels, align_corners=align_corners)
        case _:
            raise ValueError(f"fastfcn: neck={neck!r}; choose one of jpu, jpu_x, bilinear")
    channels = middle.out_channels
    match head:
        case "enc":
            top = EncHead(
                channels, classes, width=width, codes=32, kernel=1, se=se, norm=norm, align_corners=align_corners
            )
        case "aspp":
            top = ASPPHead(channels, classes, rates=(12, 24, 36), norm=norm)
        case "psp":
            top = PSPHead(channels, classes, bins=(1, 2, 3, 6), norm=norm, align_corners=align_corners)
        case "fcn":
            top = FCNHead(channels, classes, norm=norm)
        case _:
            raise ValueError(f"fastfcn: head={head!r}; choose one of enc, aspp, psp, fcn")
    return _whole(net, middle, top, classes=classes, norm=norm, align_corners=align_corners, aux=aux)


#: Every builder, in the order of the course.
BUILDERS = (fcn32s, fcn16s, fcn8s, dilated_fcn, deeplabv3, pspnet, encnet, encoder_decoder, fpn, fastfcn)


def build(architecture: dict) -> Segmenter:
    """The network that `architecture` describes: the builder's name, its arguments, and the backbone's spec.

    Raises:
        ValueError: a builder that is not in BUILDERS.
    """
    builders = {builder.__name__: builder for builder in BUILDERS}
    arguments = dict(architecture)
    name = arguments.pop("builder", None)
    if name not in builders:
        raise ValueError(f"builder={name!r}; choose one of {', '.join(builders)}")
    spec = arguments["backbone"]
    net = make_backbone(spec["name"], stem=spec["stem"], norm=spec["norm"], width=spec["width"])
    return builders[name](**arguments | {"backbone": net})
