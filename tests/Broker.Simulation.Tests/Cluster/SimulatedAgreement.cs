using Broker.Actors.Cluster;
using Broker.Actors.Runtime;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>Takes what replicas ask of the cluster to the world.</summary>
internal sealed class SimulatedAgreement(ClusterWorld world, MemberLife life) : Actor
{
    protected override void Receive(object message)
    {
        switch (message)
        {
            case ClusterCommand.Propose m:
                world.Propose(life, Sender, m);
                break;
            case ClusterCommand.GiveWay m:
                world.GiveWay(life, m);
                break;
            case ClusterCommand.Resign m:
                world.Resign(life, m.Reason);
                break;
            default:
                Unhandled(message);
                break;
        }
    }
}
