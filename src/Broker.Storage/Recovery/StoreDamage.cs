namespace Broker.Storage.Recovery;

/// <summary>A piece of a file that is not what was written, though it had been on the disk.</summary>
public sealed record StoreDamage
{
    /// <summary>Path of the file on the store's disk.</summary>
    public required string File { get; init; }

    /// <summary>Where the piece begins in the file.</summary>
    public required long Offset { get; init; }

    /// <summary>How long it is, in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>Whose it is; <c>null</c> if that cannot be read any more. A gap in the numbers of a queue's records tells it then.</summary>
    public ulong? Entity { get; init; }

    /// <summary>Position of the first message in it; 0 if unknown.</summary>
    public ulong FirstPosition { get; init; }

    /// <summary>How many messages it held; 0 if unknown.</summary>
    public int MessageCount { get; init; }

    /// <summary>What is wrong with it, for people.</summary>
    public required string Reason { get; init; }
}

/// <summary>Records of an entity that must have been there and are not.</summary>
/// <param name="Entity">Whose.</param>
/// <param name="FirstIndex">The first that is missing.</param>
/// <param name="LastIndex">The last that is missing.</param>
/// <param name="FirstPosition">Position of the first message that may be missing with them; 0 if unknown.</param>
/// <param name="EndPosition">Position after the last one; equal to <paramref name="FirstPosition"/> if none is.</param>
public readonly record struct LostRecords(ulong Entity, ulong FirstIndex, ulong LastIndex, ulong FirstPosition, ulong EndPosition);

/// <summary>The end of the log that had not reached the disk when the node went down. Nobody was told that it had.</summary>
/// <param name="File">Path of the file.</param>
/// <param name="Offset">Where it was cut off.</param>
public sealed record TornTail(string File, long Offset);

/// <summary>How far a recovery is.</summary>
/// <param name="DoneBytes">Bytes of log read.</param>
/// <param name="TotalBytes">Bytes of log in all.</param>
public sealed record RecoveryProgress(long DoneBytes, long TotalBytes);
