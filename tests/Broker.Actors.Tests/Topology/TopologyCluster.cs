using Broker.Actors.Topology;
using Broker.Actors.Tests.Nodes;
using Broker.Coordination;
using Broker.Coordination.Embedded;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Topology;

/// <summary>Nodes that share one metadata store, and one who watches all that is written there.</summary>
internal sealed class TopologyCluster : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;
    private readonly TopologyMachine _model = new();
    private readonly Dictionary<string, TopologyChange> _added = new(StringComparer.Ordinal);
    private readonly List<string> _violations = [];
    private readonly HashSet<string> _everBound = new(StringComparer.Ordinal); // exchanges that had a binding since they were declared
    private readonly Lock _lock = new();
    private long _revision;

    private TopologyCluster(EmbeddedMetadataStore store, long revision)
    {
        Store = store;
        _watching = WatchAsync(revision);
    }

    public EmbeddedMetadataStore Store { get; }

    public List<TopologyNode> Nodes { get; } = [];

    public TopologyNode A => Nodes[0];

    public TopologyNode B => Nodes[1];

    public static async Task<TopologyCluster> StartAsync(int nodes = 2, TimeProvider? time = null)
    {
        var store = EmbeddedMetadataStore.Open(new MemoryDisk(), "metadata", Guid.NewGuid());
        var cluster = new TopologyCluster(store, (await store.ReadAsync("")).Revision);
        for (var i = 0; i < nodes; i++)
        {
            await cluster.AddAsync(time);
        }

        return cluster;
    }

    public async Task<TopologyNode> AddAsync(TimeProvider? time = null)
    {
        Nodes.Add(await TopologyNode.StartAsync($"{(char)('a' + Nodes.Count)}", Store, time));
        return Nodes[^1];
    }

    /// <summary>Every node knows the same, which is what the transactions in their order come to; each of those was one that the rules allow.</summary>
    public async Task<string> AgreeAsync()
    {
        var last = (await Store.ReadAsync("")).Revision;
        await WireAdmin.UntilAsync(() => Task.FromResult(Volatile.Read(ref _revision)), revision => revision >= last, "everything to be watched");
        string expected;
        lock (_lock)
        {
            Assert.Empty(_violations);
            expected = TopologyNode.Show(_model.Exchanges, _model.Queues, _model.Bindings);
        }

        var keys = (await Store.ReadAsync(TopologyKeys.Prefix)).Values.Select(v => v.Key).ToHashSet(StringComparer.Ordinal);
        Assert.All(keys.Where(k => k.Contains("/uses/", StringComparison.Ordinal)), k => Assert.Contains(k.Replace("/uses/", "/", StringComparison.Ordinal), keys));
        Assert.All(_model.Exchanges.Where(e => e.AutoDelete && !_model.IsBound(e.Name)), e => Assert.DoesNotContain(e.Name, _everBound)); // it would have gone
        foreach (var node in Nodes)
        {
            await WireAdmin.UntilAsync(node.ShowAsync, shown => shown == expected, $"{node.Services.Options.NodeId} to know {expected}");
        }

        var queues = _model.Queues.Select(q => $"{q.Name}:{q.Id}").ToList();
        foreach (var node in Nodes)
        {
            await WireAdmin.UntilAsync(
                () => Task.FromResult(string.Join(' ', node.Services.Queues.Queues.Select(q => $"{q.Name}:{q.Id}"))),
                shown => shown == string.Join(' ', queues),
                $"{node.Services.Options.NodeId} to have the queues {string.Join(' ', queues)}");
            var model = new ModelRouter(_model);
            foreach (var exchange in _model.Exchanges.Where(e => !TopologyNames.IsDefault(e.Name)))
            {
                foreach (var key in _model.Bindings.Select(b => b.RoutingKey).Append("no such key").Distinct())
                {
                    var targets = string.Join(' ', model.Route(exchange.Name, key));
                    await WireAdmin.UntilAsync(
                        () => Task.FromResult(node.Route(exchange.Name, key) is { } r ? string.Join(' ', r) : "unknown"),
                        shown => shown == targets,
                        $"{node.Services.Options.NodeId} to route '{key}' at '{exchange.Name}' to '{targets}'");
                }
            }
        }

        return expected;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        await _stop.CancelAsync();
        await _watching;
        await Store.DisposeAsync();
        _stop.Dispose();
    }

    private async Task WatchAsync(long revision)
    {
        try
        {
            await foreach (var change in Store.WatchAsync("", revision, _stop.Token))
            {
                lock (_lock)
                {
                    Check(change);
                }

                Volatile.Write(ref _revision, change.Revision);
            }
        }
        catch (OperationCanceledException)
        {
            // the end
        }
    }

    /// <summary>Carries a transaction in, as if there were one topology for all.</summary>
    private void Check(MetadataChange change)
    {
        var changes = new List<TopologyChange>();
        foreach (var key in change.Deletes.Where(k => k.StartsWith(TopologyKeys.Prefix, StringComparison.Ordinal) && !k.Contains("/uses/", StringComparison.Ordinal)))
        {
            Expect(_added.Remove(key, out var added), change, $"{key} was there");
            changes.Add(added switch
            {
                TopologyChange.VhostAdded c => new TopologyChange.VhostRemoved(c.Vhost.Name),
                TopologyChange.ExchangeAdded c => new TopologyChange.ExchangeRemoved(c.Exchange.Name),
                TopologyChange.QueueAdded c => new TopologyChange.QueueRemoved(c.Queue.Name),
                TopologyChange.BindingAdded c => new TopologyChange.BindingRemoved(c.Binding),
                _ => throw new InvalidOperationException(key),
            });
        }

        var puts = change.Puts.Select(Read).OfType<TopologyChange>().OrderBy(c => c switch { TopologyChange.VhostAdded => 0, TopologyChange.BindingAdded => 2, _ => 1 });
        foreach (var added in puts)
        {
            Expect(_added.TryAdd(TopologyKeys.KeyOf(added), added), change, $"{added} is new");
            changes.Add(added);
        }

        foreach (var one in changes.OrderBy(c => c switch { TopologyChange.BindingRemoved => 0, TopologyChange.VhostRemoved => 2, _ => 1 }))
        {
            var bindings = one switch
            {
                TopologyChange.ExchangeRemoved c => _model.Bindings.Where(b => b.Exchange == c.Exchange || (b.Destination == c.Exchange && b.Kind == DestinationKind.Exchange)),
                TopologyChange.QueueRemoved c => _model.Bindings.Where(b => b.Destination == c.Queue && b.Kind == DestinationKind.Queue),
                _ => [],
            };
            Expect(!bindings.Any(), change, $"{one} leaves no binding behind");
            if (one is TopologyChange.BindingAdded { Binding.Exchange: var bound })
            {
                _everBound.Add(bound);
            }
            else if (one is TopologyChange.ExchangeRemoved { Exchange: var gone })
            {
                _everBound.Remove(gone);
            }

            if (!bindings.Any())
            {
                Expect(_model.Apply(one), change, $"{one} changes something");
            }
        }
    }

    private static TopologyChange? Read(MetadataValue value)
    {
        try
        {
            return TopologyKeys.ToChange(value);
        }
        catch (InvalidDataException)
        {
            return null; // of a newer version
        }
    }

    private void Expect(bool holds, MetadataChange change, string what)
    {
        if (!holds)
        {
            _violations.Add($"revision {change.Revision}: {what}");
        }
    }
}
