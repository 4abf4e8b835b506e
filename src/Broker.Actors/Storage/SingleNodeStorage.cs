using Broker.Coordination.Embedded;
using Broker.Storage;
using Broker.Storage.Disks;

namespace Broker.Actors.Storage;

/// <summary>Everything that a node by itself keeps on one disk: the store of its queues, its metadata, and the threads that write both.</summary>
public sealed class SingleNodeStorage : IAsyncDisposable
{
    private const string MetadataFolder = "metadata";
    private readonly EmbeddedMetadataStore _metadata;

    private SingleNodeStorage(BrokerStorageOptions options, EmbeddedMetadataStore metadata)
    {
        Options = options;
        _metadata = metadata;
    }

    /// <summary>For <see cref="Server.BrokerServerOptions.Storage"/>.</summary>
    public BrokerStorageOptions Options { get; }

    /// <summary>Opens what is on the disk, or makes it. Queues are recovered later, by the server.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="options">The store's options.</param>
    /// <param name="metadata">Options of the metadata; <c>null</c> for the defaults.</param>
    /// <param name="configure">Changes the server's options, such as what hears of notices.</param>
    /// <param name="time">Clock of the records; <c>null</c> for the system's.</param>
    /// <exception cref="StoreException">It belongs to another node, is of a newer format, or is damaged.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static SingleNodeStorage Open(
        IDisk disk, StoreOptions options, EmbeddedMetadataOptions? metadata = null, Func<BrokerStorageOptions, BrokerStorageOptions>? configure = null, TimeProvider? time = null)
    {
        var store = NodeStore.Open(disk, options, time);
        var embedded = EmbeddedMetadataStore.Open(disk, MetadataFolder, store.Identity.Store, metadata, time);
        var storage = BrokerStorageOptions.Of(store, embedded, options);
        return new SingleNodeStorage(configure?.Invoke(storage) ?? storage, embedded);
    }

    /// <summary>Writes what is under way and closes everything. After the server.</summary>
    public async ValueTask DisposeAsync()
    {
        Options.Scheduler.Dispose();
        await _metadata.DisposeAsync();
        Options.Store.Dispose();
    }
}
