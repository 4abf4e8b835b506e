using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Queues;

/// <summary>What a delivery's flags say on the wire, in DELIVER and in GET_OK alike.</summary>
internal static class DeliveryFlags
{
    public static DeliverFlags WireFlags(this in Delivery delivery) =>
        (delivery.Redelivered ? DeliverFlags.Redelivered : DeliverFlags.None)
        | (delivery.Entry.Message.Traits.HasFlag(MessageTraits.Durable) ? DeliverFlags.Durable : DeliverFlags.None);
}
