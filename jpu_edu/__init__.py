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
    verify, cli the identities as one table, and the command line

Nothing is re-exported here: `from jpu_edu.ops import phases` says which file to open.
"""

__version__ = "0.1.0"
