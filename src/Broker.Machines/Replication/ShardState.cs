using System.Buffers;
using Broker.Machines.Ledgers;

namespace Broker.Machines.Replication;

/// <summary>What a replica keeps on its disk of its shard's log, beside the records themselves.</summary>
/// <param name="Epoch">The highest epoch that it acts under.</param>
/// <param name="Log">Which records it has, and which epoch has written which; while a snapshot is being installed, those that it stands for. What it has behind the last of these is void.</param>
/// <param name="Committed">Number of the last record that it knows to be committed.</param>
/// <param name="IsInstalling">Whether a snapshot is taking the place of everything and is not complete: then there is nothing but the epoch.</param>
public sealed record ShardState(long Epoch, Lineage Log, ulong Committed, bool IsInstalling);

/// <summary>The bytes of a <see cref="ShardState"/> (docs/storage.md, "State of a shard"): sections, as those of a queue's checkpoint.</summary>
public static class ShardStateCodec
{
    /// <summary>Writes a state.</summary>
    public static ReadOnlyMemory<byte> Encode(ShardState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var output = new ArrayBufferWriter<byte>(64);
        var writer = new LedgerWriter(output);
        var content = new ArrayBufferWriter<byte>();
        var numbers = new LedgerWriter(content);
        numbers.Number((ulong)state.Epoch);
        numbers.Number(state.Committed);
        numbers.Number(state.IsInstalling ? 1UL : 0);
        numbers.Number(state.Log.First);
        numbers.Number(state.Log.Last);
        writer.Section(LedgerSection.Shard, content);
        if (state.Log.Eras.Count > 0)
        {
            content.ResetWrittenCount();
            foreach (var era in state.Log.Eras)
            {
                numbers.Number((ulong)era.Epoch);
                numbers.Number(era.First);
            }

            writer.Section(LedgerSection.Eras, content);
        }

        return output.WrittenMemory;
    }

    /// <summary>Reads a state.</summary>
    /// <param name="state">What <see cref="Encode"/> gave.</param>
    /// <exception cref="LedgerFormatException">This version cannot read it.</exception>
    public static ShardState Decode(ReadOnlySpan<byte> state)
    {
        (long Epoch, ulong Committed, bool IsInstalling, ulong First, ulong Last)? shard = null;
        var eras = new List<Era>();
        var reader = new LedgerReader(state);
        while (!reader.AtEnd)
        {
            var section = reader.Section(out var content);
            switch (section)
            {
                case LedgerSection.Shard:
                    shard = ((long)content.Number(), content.Number(), Flag(content.Number()), content.Number(), content.Number());
                    break;
                case LedgerSection.Eras:
                    while (!content.AtEnd)
                    {
                        eras.Add(new Era((long)content.Number(), content.Number()));
                    }

                    break;
                default:
                    throw new LedgerFormatException($"the state of a shard has a section {(ulong)section}, which this version of the broker does not know");
            }
        }

        if (shard is not { } known)
        {
            throw new LedgerFormatException("the state of a shard does not say which epoch it is of");
        }

        try
        {
            return new ShardState(known.Epoch, new Lineage(known.First, eras, known.Last), known.Committed, known.IsInstalling);
        }
        catch (InvariantViolationException e)
        {
            throw new LedgerFormatException($"the state of a shard contradicts itself: {e.Message}");
        }
    }

    private static bool Flag(ulong number) => number <= 1 ? number == 1 : throw new LedgerFormatException($"the state of a shard has a flag {number}, which this version of the broker does not know");
}
