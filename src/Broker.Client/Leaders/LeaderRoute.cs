using Broker.Client.Connections;

namespace Broker.Client.Leaders;

/// <summary>The way of one publisher or consumer to the leader of a queue.</summary>
/// <param name="leaders">Connections to leaders.</param>
/// <param name="keeper">The client's own connection.</param>
/// <param name="queue">The queue.</param>
/// <param name="staysUntilLost">Leave a place only when it is lost, not for a better one.</param>
internal sealed class LeaderRoute(LeaderConnections leaders, ConnectionKeeper keeper, string queue, bool staysUntilLost) : IConnectionSource
{
    private volatile bool _avoidsDetours;

    public bool IsOver => keeper.IsOver;

    public ValueTask<Place> GetPlaceAsync(CancellationToken cancellationToken) =>
        _avoidsDetours ? keeper.GetPlaceAsync(cancellationToken) : leaders.GetPlaceAsync(queue, staysUntilLost, cancellationToken);

    public void AvoidDetours() => _avoidsDetours = true;
}
