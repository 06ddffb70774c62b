"""The public record: Merkle tiles, checkpoints, proofs, cosignatures, entries and their rules."""
