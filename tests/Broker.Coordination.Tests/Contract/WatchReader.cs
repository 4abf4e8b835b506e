namespace Broker.Coordination.Tests.Contract;

/// <summary>Reads a watch element by element.</summary>
internal sealed class WatchReader : IAsyncDisposable
{
    private readonly CancellationTokenSource _cancelled = new();
    private readonly IAsyncEnumerator<MetadataChange> _changes;

    public WatchReader(IMetadataStore store, string prefix, long afterRevision) =>
        _changes = store.WatchAsync(prefix, afterRevision, _cancelled.Token).GetAsyncEnumerator();

    /// <summary>The next element; an error if the watch ends.</summary>
    public async Task<MetadataChange> NextAsync()
    {
        Assert.True(await _changes.MoveNextAsync().AsTask().Soon("the next change"));
        return _changes.Current;
    }

    /// <summary>The next elements as texts.</summary>
    public async Task<List<string>> TextsAsync(int count)
    {
        var texts = new List<string>();
        while (texts.Count < count)
        {
            texts.Add((await NextAsync()).Text());
        }

        return texts;
    }

    public void Cancel() => _cancelled.Cancel();

    public async ValueTask DisposeAsync()
    {
        await _changes.DisposeAsync();
        _cancelled.Dispose();
    }
}
