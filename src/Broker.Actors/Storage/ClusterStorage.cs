using Broker.Coordination;
using Broker.Storage;
using Broker.Storage.Disks;

namespace Broker.Actors.Storage;

/// <summary>What a node of a cluster keeps on its own disk, the store of its replicas and the threads that write it, beside the metadata that all nodes share.</summary>
public sealed class ClusterStorage : IAsyncDisposable
{
    private ClusterStorage(BrokerStorageOptions options) => Options = options;

    /// <summary>For <see cref="Server.BrokerServerOptions.Storage"/>.</summary>
    public BrokerStorageOptions Options { get; }

    /// <summary>Opens what is on the disk, or makes it. Replicas are recovered later, by the server.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="options">The store's options.</param>
    /// <param name="metadata">What the nodes share. Stays the caller's; disposed after this.</param>
    /// <param name="configure">Changes the server's options, such as what hears of notices.</param>
    /// <param name="time">Clock of the records; <c>null</c> for the system's.</param>
    /// <exception cref="StoreException">It belongs to another node, is of a newer format, or is damaged.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static ClusterStorage Open(
        IDisk disk, StoreOptions options, IMetadataStore metadata, Func<BrokerStorageOptions, BrokerStorageOptions>? configure = null, TimeProvider? time = null)
    {
        var storage = BrokerStorageOptions.Of(NodeStore.Open(disk, options, time), metadata, options);
        return new ClusterStorage(configure?.Invoke(storage) ?? storage);
    }

    /// <summary>Writes what is under way and closes the store. After the server.</summary>
    public ValueTask DisposeAsync()
    {
        Options.Scheduler.Dispose();
        Options.Store.Dispose();
        return ValueTask.CompletedTask;
    }
}
