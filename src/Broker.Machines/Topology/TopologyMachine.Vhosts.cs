using System.Diagnostics.CodeAnalysis;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>Vhosts, and what is in them.</summary>
public sealed partial class TopologyMachine
{
    private readonly Dictionary<string, VhostDefinition> _vhosts = new(StringComparer.Ordinal);

    /// <summary>All vhosts, by name.</summary>
    public IEnumerable<VhostDefinition> Vhosts => _vhosts.Values.OrderBy(v => v.Name, StringComparer.Ordinal);

    /// <summary>Whether the vhost exists.</summary>
    public bool HasVhost(string name) => _vhosts.ContainsKey(name);

    /// <summary>The vhost's definition.</summary>
    public bool TryGetVhost(string name, [MaybeNullWhen(false)] out VhostDefinition vhost) => _vhosts.TryGetValue(name, out vhost);

    /// <summary>Whether a vhost has anything but its built-in exchanges without bindings.</summary>
    public bool IsVhostEmpty(string name) => !_queues.Keys.Any(q => EntityName.VhostOf(q) == name)
        && !_exchanges.Values.Any(e => EntityName.VhostOf(e.Definition.Name) == name && (e.Bindings.Count > 0 || !TopologyNames.IsBuiltIn(e.Definition.Name)));

    /// <summary>Number of queues of a vhost.</summary>
    public int QueueCountOf(string vhost) => _queues.Keys.Count(q => EntityName.VhostOf(q) == vhost);

    /// <summary>Makes a vhost.</summary>
    public TopologyPlan PlanAddVhost(VhostDefinition vhost)
    {
        ArgumentNullException.ThrowIfNull(vhost);
        return _vhosts.TryGetValue(vhost.Name, out var existing)
            ? existing.Description == vhost.Description || vhost.Description.Length == 0
                ? TopologyPlan.Nothing
                : TopologyPlan.Refuse(new FrameFault(ErrorCode.PreconditionFailed, $"vhost '{vhost.Name}' exists and is described as '{existing.Description}'"))
            : TopologyNames.CheckVhost(vhost.Name) is { } fault ? TopologyPlan.Refuse(fault)
            : TopologyPlan.Change(new TopologyChange.VhostAdded(vhost));
    }

    /// <summary>Removes a vhost and everything in it: bindings, exchanges, queues, and the vhost last.</summary>
    public TopologyPlan PlanRemoveVhost(string name)
    {
        if (name == ProtocolInfo.DefaultVhost)
        {
            return TopologyPlan.Refuse(new FrameFault(ErrorCode.AccessRefused, $"vhost '{name}' is always there and cannot be removed"));
        }

        return HasVhost(name) ? new Removal(this).Vhost(name).Plan : TopologyPlan.Nothing;
    }

    /// <summary>The answer for a vhost that does not exist.</summary>
    public static FrameFault NoVhost(string name) => new(ErrorCode.NotFound, $"there is no vhost '{name}'");

    private bool AddVhost(VhostDefinition vhost)
    {
        if (!_vhosts.TryAdd(vhost.Name, vhost))
        {
            return false;
        }

        foreach (var exchange in TopologyNames.BuiltInsOf(vhost.Name))
        {
            _exchanges.Add(exchange.Name, new Exchange(exchange));
        }

        return true;
    }

    private bool RemoveVhost(string name)
    {
        Invariant.That(IsVhostEmpty(name) && name != ProtocolInfo.DefaultVhost, "a vhost goes after what is in it");
        if (!_vhosts.Remove(name))
        {
            return false;
        }

        foreach (var exchange in TopologyNames.BuiltInsOf(name))
        {
            _exchanges.Remove(exchange.Name);
        }

        return true;
    }
}
