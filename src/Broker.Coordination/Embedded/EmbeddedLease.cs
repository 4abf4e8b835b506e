namespace Broker.Coordination.Embedded;

/// <summary>A lease of an <see cref="EmbeddedMetadataStore"/>. It needs no renewal: its owner and the store are one process.</summary>
internal sealed class EmbeddedLease(EmbeddedMetadataStore store, long id) : IMetadataLease
{
    // Not disposed of: it has no timer, and whoever asks for the token later must get one.
    private readonly CancellationTokenSource _lost = new();

    public long Id => id;

    public CancellationToken Lost => _lost.Token;

    /// <summary>It cannot be relied on any more. What hangs on that runs on threads of the pool, as this may be the log's.</summary>
    public void End() => _ = _lost.CancelAsync();

    public ValueTask DisposeAsync() => store.RevokeAsync(this);
}
