using Broker.Storage.Records;

namespace Broker.Storage.Log;

/// <summary>A record on its way into the log. Once it is appended nobody changes it any more; the log sets where it went.</summary>
public abstract class LogRecord
{
    private long _position = -1;

    /// <summary>Hears when the record is on the disk.</summary>
    public required LogClient Client { get; set; }

    /// <inheritdoc cref="RecordHeader.Kind"/>
    public required RecordKind Kind { get; init; }

    /// <inheritdoc cref="RecordHeader.Entity"/>
    public required ulong Entity { get; init; }

    /// <inheritdoc cref="RecordHeader.Index"/>
    public required ulong Index { get; init; }

    /// <inheritdoc cref="RecordHeader.Shard"/>
    public ushort Shard { get; init; }

    /// <inheritdoc cref="RecordHeader.Epoch"/>
    public uint Epoch { get; set; }

    /// <inheritdoc cref="RecordHeader.ShardIndex"/>
    public ulong ShardIndex { get; set; }

    /// <inheritdoc cref="RecordHeader.CommittedDistance"/>
    public uint CommittedDistance { get; set; }

    /// <inheritdoc cref="RecordHeader.FirstPosition"/>
    public ulong FirstPosition { get; init; }

    /// <summary>The operations, as their owner encodes them.</summary>
    public ReadOnlyMemory<byte> Operations { get; init; }

    /// <summary>For a checkpoint: the lowest log position whose records are still needed beside it; <see cref="long.MaxValue"/> if none are.</summary>
    public long NeededFrom { get; set; } = long.MaxValue;

    /// <summary>How many messages it brings in.</summary>
    public virtual int MessageCount => 0;

    /// <summary>Where it is in the log; -1 until it was written. Set before <see cref="LogClient.OnCommitted"/>.</summary>
    public long Position => Volatile.Read(ref _position);

    /// <summary>Its length in the log, in bytes. Known with <see cref="Position"/>.</summary>
    public int Length { get; private set; }

    /// <summary>Whether the record is one of a shard's replicated log.</summary>
    internal bool IsReplicated => ShardIndex > 0 && (Kind is RecordKind.Operations or RecordKind.Deleted);

    /// <summary>Gives the record its number in a shard's replicated log.</summary>
    /// <param name="shardIndex">The number; at least 1.</param>
    /// <param name="epoch">The epoch whose leader has made it.</param>
    /// <param name="committed">Number of the last record of the shard that is known to be committed. One that is not before this record says no more than that all before this record are.</param>
    public void SetReplicated(ulong shardIndex, long epoch, ulong committed)
    {
        ArgumentOutOfRangeException.ThrowIfZero(shardIndex);
        ShardIndex = shardIndex;
        Epoch = checked((uint)epoch);
        committed = Math.Min(committed, shardIndex - 1);
        CommittedDistance = committed == 0 ? 0 : (uint)Math.Min(shardIndex - committed, RecordHeader.UnknownDistance);
    }

    /// <summary>One of its messages.</summary>
    /// <param name="index">From 0.</param>
    /// <param name="meta">What to keep beside the bytes.</param>
    public virtual ReadOnlyMemory<byte> GetMessage(int index, out ulong meta) => throw new ArgumentOutOfRangeException(nameof(index), index, "the record has no messages");

    internal void SetWritten(long position, long length)
    {
        Length = (int)length;
        Volatile.Write(ref _position, position);
    }
}

/// <summary>Somebody who appends to the log. Called on the log's thread: it must return at once and not throw.</summary>
public abstract class LogClient
{
    internal LogRecord? LastOfGroup { get; set; }

    /// <summary>Everything that this client has appended up to the record is on the disk.</summary>
    public abstract void OnCommitted(LogRecord last);

    /// <summary>The log has failed: what was not committed never will be, and nothing more is taken.</summary>
    public abstract void OnFailed(LogFailure failure);
}

/// <summary>Why the log takes nothing more.</summary>
/// <param name="Reason">For people.</param>
public sealed record LogFailure(string Reason);
