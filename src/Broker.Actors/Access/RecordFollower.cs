using Broker.Actors.Runtime;
using Broker.Actors.Topology;
using Broker.Coordination;

namespace Broker.Actors.Access;

/// <summary>In a cluster: what is said below a prefix at one node is in force at every other as soon as that has read it.</summary>
internal sealed class RecordFollower(IMetadataStore metadata, string prefix, Action<MetadataSnapshot> read, Action<MetadataChange> changed) : Actor
{
    private MetadataFollower? _follower;

    protected override void PreStart()
    {
        _follower = new MetadataFollower(Context, metadata, prefix, read, changed);
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
}
