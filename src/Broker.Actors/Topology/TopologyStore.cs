using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>Keeps what is declared in the metadata store. Without one, it lasts as long as the process.</summary>
internal sealed class TopologyStore
{
    private readonly IMetadataStore? _metadata;
    private readonly IMetadataLease? _transient;
    private bool _numbersQueues; // else their numbers are the revisions that create them
    private ulong _lastId; // of those that are numbered here

    private TopologyStore(IMetadataStore? metadata, IMetadataLease? transient, IReadOnlyList<TopologyChange> restored)
    {
        _metadata = metadata;
        _numbersQueues = metadata is null;
        _transient = transient;
        Restored = restored;
    }

    /// <summary>What was declared before this start and is to be again.</summary>
    public IReadOnlyList<TopologyChange> Restored { get; }

    /// <summary>Nothing outlives the process.</summary>
    public static TopologyStore None() => new(null, null, []);

    /// <summary>Reads what is declared.</summary>
    /// <param name="metadata">Where it stands.</param>
    /// <param name="deleted">Queues whose deletion was under way when the node went down: it is finished now.</param>
    /// <param name="known">Queues that have messages on disk: one that is not declared gets a name, so that its messages can be had.</param>
    /// <param name="cancellationToken">Gives the start up.</param>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    /// <exception cref="InvalidDataException">What stands there is not what a broker writes.</exception>
    public static async Task<TopologyStore> OpenAsync(
        IMetadataStore metadata, IReadOnlySet<ulong> deleted, IReadOnlyCollection<ulong> known, CancellationToken cancellationToken)
    {
        var lease = await metadata.GrantLeaseAsync(TimeSpan.FromSeconds(10), cancellationToken);
        var snapshot = await metadata.ReadAsync(TopologyKeys.Prefix, cancellationToken);
        var changes = TopologyKeys.ToChanges(snapshot.Values).ToList();
        var store = new TopologyStore(metadata, lease, changes);
        var gone = changes.OfType<TopologyChange.QueueAdded>().Where(c => deleted.Contains(c.Queue.Id)).Select(c => c.Queue.Name).ToHashSet(StringComparer.Ordinal);
        if (gone.Count > 0)
        {
            var ends = changes.OfType<TopologyChange.BindingAdded>().Where(b => b.Binding.Kind == DestinationKind.Queue && gone.Contains(b.Binding.Destination)).ToList();
            var removals = gone.Order(StringComparer.Ordinal).Select(q => new TopologyChange.QueueRemoved(q));
            await store.StoreAsync([.. ends.Select(b => new TopologyChange.BindingRemoved(b.Binding)), .. removals], _ => true);
            changes.RemoveAll(c => (c is TopologyChange.QueueAdded q && gone.Contains(q.Queue.Name)) || (c is TopologyChange.BindingAdded b && ends.Contains(b)));
        }

        var declared = changes.OfType<TopologyChange.QueueAdded>().Select(c => c.Queue.Id).ToHashSet();
        store.Orphans = [.. known.Where(id => !declared.Contains(id)).Order()];
        store.NumberFrom(declared.Union(known).Union(deleted).DefaultIfEmpty().Max(), snapshot.Revision);
        return store;
    }

    /// <summary>Queues that have messages on disk and are not declared.</summary>
    public IReadOnlyList<ulong> Orphans { get; private set; } = [];

    /// <summary>Makes changes last, all of them or, where there are more than a transaction takes, the first ones first.</summary>
    /// <returns>The changes, with the numbers that queues have got.</returns>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public async ValueTask<IReadOnlyList<TopologyChange>> StoreAsync(IReadOnlyList<TopologyChange> changes, Func<Binding, bool> isDurable)
    {
        if (_numbersQueues)
        {
            changes = Number(changes, ++_lastId); // a plan declares one queue at most
        }

        if (_metadata is null)
        {
            return changes;
        }

        var lease = _transient!.Id;
        var operations = changes.Select(c => TopologyKeys.ToOperation(c, lease, isDurable)).ToList();
        var revision = 0L;
        foreach (var part in operations.Chunk(MetadataLimits.MaxOperations))
        {
            revision = (await _metadata.CommitAsync(new MetadataTransaction { Operations = part })).Revision;
        }

        return Number(changes, (ulong)revision);
    }

    /// <summary>What a client is told of a store that does not answer.</summary>
    public static FrameFault FaultOf(Exception failure) => new(ErrorCode.Unavailable, $"what is declared cannot be stored now: {failure.Message}");

    /// <summary>
    /// Metadata that is younger than what is on the disk, because what it was before was lost, would give numbers away a second time: until it has caught up, they are given here and stored.
    /// </summary>
    private void NumberFrom(ulong highest, long revision)
    {
        _numbersQueues = highest > (ulong)revision;
        _lastId = highest;
    }

    private static IReadOnlyList<TopologyChange> Number(IReadOnlyList<TopologyChange> changes, ulong id) =>
        [.. changes.Select(c => c is TopologyChange.QueueAdded { Queue.Id: 0 } q ? new TopologyChange.QueueAdded(q.Queue with { Id = id }) : c)];
}
