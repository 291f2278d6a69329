"""Going on after more than f validators were lost for good: what survivors state, choose and sign.

A :class:`Statement` is what a survivor's store and vote journal hold. From the statements of all
who go on follows one chain: up to the block notarized in the highest view that any of them proves.
Whatever was finalized is on it, or can ever be: a finalize vote leaves a node only after its
notarization is durable there, a notarize vote only after the content is; and whoever signs a
recovery votes no more in the epoch. On top comes one empty block by which the survivors take over
(``contracts.validators.epochs.recover``), certified by their ``RECOVER`` votes.

A :class:`Recovery` carries all of it, so whoever signs makes the choice and every block again.
Nothing that a survivor says is believed without a quorum's signatures; what it can do is to hide.
How many may is ``ValidatorSet.lies_borne``. See ``docs/consensus.md`` and decision 0026.
"""
