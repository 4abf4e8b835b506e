using System.Collections.Concurrent;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Access;

/// <summary>The vhosts that exist as far as this node knows, for those who want to know without asking anybody. Thread-safe.</summary>
internal sealed class VhostDirectory
{
    private readonly ConcurrentDictionary<string, VhostDefinition> _vhosts = new(StringComparer.Ordinal)
    {
        [ProtocolInfo.DefaultVhost] = new VhostDefinition(ProtocolInfo.DefaultVhost),
    };

    /// <summary>All vhosts, by name.</summary>
    public IEnumerable<VhostDefinition> All => _vhosts.Values.OrderBy(v => v.Name, StringComparer.Ordinal);

    /// <summary>Why there is no such vhost; <c>null</c> if there is.</summary>
    public FrameFault? Check(string name) => _vhosts.ContainsKey(name) ? null : TopologyMachine.NoVhost(name);

    /// <summary>Reads which there are, before the first connection.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    /// <exception cref="InvalidDataException">What stands there is not what a broker writes.</exception>
    public async Task LoadAsync(IMetadataStore? metadata, CancellationToken cancellationToken)
    {
        if (metadata is not null)
        {
            var stored = await metadata.ReadAsync(TopologyKeys.VhostPrefix, cancellationToken);
            foreach (var vhost in TopologyKeys.ToChanges(stored.Values).OfType<TopologyChange.VhostAdded>())
            {
                Add(vhost.Vhost);
            }
        }
    }

    /// <summary>By the topology: it is there.</summary>
    public void Add(VhostDefinition vhost) => _vhosts[vhost.Name] = vhost;

    /// <summary>By the topology: it is gone.</summary>
    public void Remove(string name) => _vhosts.TryRemove(name, out _);
}
