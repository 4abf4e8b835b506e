namespace Broker.Coordination.Embedded;

/// <summary>What a transaction does to a <see cref="MetadataTree"/>.</summary>
internal sealed record MetadataOutcome
{
    /// <summary>The tree after it.</summary>
    public required MetadataTree Tree { get; init; }

    /// <summary>The answer to it.</summary>
    public required MetadataCommit Commit { get; init; }

    /// <summary>What it changes; <c>null</c> for nothing.</summary>
    public MetadataChange? Change { get; init; }

    /// <summary>Keys whose values would outlive this process until now, and do not after it: they were deleted, or go with a lease.</summary>
    public IReadOnlyList<string> Vanished { get; init; } = [];

    /// <summary>A lease that it names and that is none, because of which it does nothing; 0 otherwise.</summary>
    public long MissingLease { get; init; }
}
