using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Streams;
using Broker.Machines.Direct;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Direct;

/// <summary>The inboxes that can be reached from this node: its own, and by way of other nodes' links those of their consumers. Thread-safe.</summary>
internal sealed class Inboxes(string nodeId, AddressBook addresses)
{
    private readonly ConcurrentDictionary<string, ActorRef> _here = new(StringComparer.Ordinal); // by name with vhost
    private readonly ConcurrentDictionary<ulong, ActorRef> _nodes = new(); // other nodes, by hash of the name
    private readonly ulong _self = StableHash.Compute(nodeId);
    private long _version;

    /// <summary>To an inbox: another stream has taken its name, or its user may not have it any more.</summary>
    public sealed record Replaced(FrameFault Fault);

    /// <summary>Grows with every inbox that comes or goes.</summary>
    public long Version => Volatile.Read(ref _version) + addresses.Version;

    /// <summary>Makes the name of a requester's inbox.</summary>
    public string MakeReplyTo() => DirectNames.MakeReplyTo(_self, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)));

    /// <summary>An inbox is here from now on. The one that had the name before is told <see cref="Replaced"/>.</summary>
    public void Add(string name, ActorRef inbox)
    {
        ActorRef? before = null;
        _here.AddOrUpdate(name, inbox, (_, known) =>
        {
            before = known;
            return inbox;
        });
        Interlocked.Increment(ref _version);
        before?.Tell(new Replaced(new FrameFault(ErrorCode.ResourceLocked, $"another stream consumes from '{EntityName.LocalOf(name)}' now")));
    }

    /// <summary>By an inbox, when it ends. A successor of the same name stays.</summary>
    public void Remove(string name, ActorRef inbox)
    {
        if (_here.TryRemove(new KeyValuePair<string, ActorRef>(name, inbox)))
        {
            Interlocked.Increment(ref _version);
            if (EntityName.LocalOf(name).StartsWith(DirectNames.AddressPrefix, StringComparison.Ordinal))
            {
                StreamActor.Forget(new ValueTask(addresses.LeaveAsync(name)));
            }
        }
    }

    /// <summary>Ends the inbox of that name, if it is here.</summary>
    public void End(string name, FrameFault fault)
    {
        if (_here.TryGetValue(name, out var inbox))
        {
            inbox.Tell(new Replaced(fault));
        }
    }

    /// <summary>The inbox of that name that is here.</summary>
    public bool TryGetHere(string name, [MaybeNullWhen(false)] out ActorRef inbox) => _here.TryGetValue(name, out inbox);

    /// <summary>There is a way to another node's inboxes: a <see cref="RemoteInboxesActor"/>.</summary>
    public void AddNode(string node, ActorRef way)
    {
        _nodes[StableHash.Compute(node)] = way;
        Interlocked.Increment(ref _version);
    }

    /// <summary>There is none any more.</summary>
    public void RemoveNode(string node)
    {
        _nodes.TryRemove(StableHash.Compute(node), out _);
        Interlocked.Increment(ref _version);
    }

    /// <summary>Whom to tell a message for an inbox: the inbox, or who stands for those of its node.</summary>
    /// <param name="name">The name of an inbox, with its vhost.</param>
    /// <param name="actor">Who takes messages for it.</param>
    /// <returns><c>false</c> if, as far as is known here, there is none.</returns>
    public bool TryGet(string name, [MaybeNullWhen(false)] out ActorRef actor)
    {
        if (_here.TryGetValue(name, out actor))
        {
            return true;
        }

        var local = EntityName.LocalOf(name);
        if (DirectNames.TryGetNode(local, out var hash))
        {
            return hash != _self && _nodes.TryGetValue(hash, out actor);
        }

        return addresses.NodeOf(name) is { } node && node != nodeId && _nodes.TryGetValue(StableHash.Compute(node), out actor);
    }
}
