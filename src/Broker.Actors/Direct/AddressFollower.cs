using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Direct;

/// <summary>In a cluster: what one node says of addresses every other one knows as soon as it has read it. An inbox whose consumer has come to another node ends here.</summary>
internal sealed class AddressFollower(NodeServices node, IMetadataStore metadata) : Actor
{
    private MetadataFollower? _follower;

    protected override void PreStart()
    {
        _follower = new MetadataFollower(Context, metadata, AddressBook.Prefix, s => Handle(node.Addresses.Merge(s)), c => Handle(node.Addresses.Apply(c)));
        _follower.Begin();
    }

    protected override void PostStop() => _follower?.Dispose();

    protected override void Receive(object message)
    {
        if (!_follower!.TryHandle(message))
        {
            Unhandled(message);
        }
    }

    private void Handle(IReadOnlyList<string> elsewhere)
    {
        foreach (var name in elsewhere)
        {
            node.Inboxes.End(name, new FrameFault(ErrorCode.ResourceLocked, $"another stream consumes from '{EntityName.LocalOf(name)}' now, at another node"));
        }
    }
}
