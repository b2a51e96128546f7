"""jpu_edu: joint upsampling and FastFCN, from one convolution to a trained network.

The folders are the floors of the argument; each imports only from those above it in this list.

    ops         S, M, R; regular, dilated and strided convolution; the chains x -> y_m, y_s, y_d;
                least squares for h; every resize; what "equal" means
    classic     joint bilateral upsampling and the guided filters
    cost        multiply-accumulates, activation bytes, receptive field, time
    data        synthetic scenes, public sets, your own folder; transforms and batches
    metrics     confusion, pixel accuracy, mIoU, the band along the boundaries
    layers      what the parts pass to one another, and the blocks they share
    backbones   ResNet, VGG, a tiny one; dilate (stride -> dilation, same weights)
    necks       last, bilinear, encoder-decoder, FPN, JPU, JPU_X
    heads       FCN, ASPP, PSP, EncNet and their relatives
    models      backbone -> neck -> head, one builder a network; weights; fuse; export
    train       losses, schedule, loop, checkpoints, evaluation, prediction, recipes
    bench       what it costs on your machine, as ratios measured in one run
    draw        the figures' shared hand: one palette, one meaning a colour
    widgets     what the notebooks let you touch
    exercises   checks that answer a mistake with its own hint
    verify      the identities as one table
    commands    one file for each command of `python -m jpu_edu`
    cli         the command line: every command by its name

Two walks show how the rooms hang together.

    A photograph to its labels. train.predict.predict -> source.image_of -> protocol.whole_image ->
    transforms.normalise -> Segmenter.labels. The backbone, ResNet.forward, gives c1..c5. c5 is y_s; y_m, which a
    strided stage never computes, is `chains.guide`; y_d, which FastFCN avoids, is c5 of `dilate(backbone)`. JPU.forward
    makes y, as fine as y_d, from c5, c4 and their guide c3: resize, cat, and a branch a rate, whose depthwise
    convolution is convs.dilated_conv -> fastest.fastest_way, by phases split_to_batch and merge_from_batch.
    EncHead.forward scores y; models.labels.labels resizes the scores class by class and keeps the best.

    A weight, and its rate, to the optimiser. recipes.shapes_minute names both: build.fastfcn and Config(lr=...).
    recipes.run makes the network -> loop.train -> State -> step.make_optimiser -> groups.paper_groups, which gives each
    part its rate; groups.check_groups stops where a weight was left out. At every step: step.set_rate,
    step.gradients (loss.segmentation_loss, backward), State.move.

Nothing is re-exported here: `from jpu_edu.ops import phases` says which file to open.
"""

__version__ = "0.1.0"
