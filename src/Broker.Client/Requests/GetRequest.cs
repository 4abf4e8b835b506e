using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>Answered with GET_OK or GET_EMPTY. A message that comes after its caller has gone is put back.</summary>
internal sealed class GetRequest(string operation, bool noAck, RequestStream stream) : PendingRequest<Delivery?>(operation)
{
    private bool _abandoned;

    /// <summary>Under the stream's gate: nobody waits any more.</summary>
    /// <returns>The message that had come already.</returns>
    public Delivery? Abandon()
    {
        _abandoned = true;
        return Result.IsCompletedSuccessfully ? Result.Result : null;
    }

    protected override bool OnResult(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type == FrameType.GetEmpty)
        {
            if (!GetEmptyFrame.TryRead(payload, out var empty, out fault) || !IsMine(empty.RequestId, out fault))
            {
                return false;
            }

            Complete(null);
            return true;
        }

        if (type != FrameType.GetOk)
        {
            return NotAnAnswer(type, out fault);
        }

        if (!GetOkFrame.TryRead(payload, out var got, out fault)
            || !IsMine(got.RequestId, out fault)
            || !MessageView.TryParse(got.Message, out var view, out fault))
        {
            return false;
        }

        var delivery = new Delivery(noAck ? null : stream, got.Tag, got.Flags, got.DeliveryCount, got.Message.ToArray(), view.Body.Length);
        if (_abandoned && !noAck)
        {
            stream.Settle(new SequenceRange(got.Tag, got.Tag), SettleOutcome.Requeue);
        }

        Complete(delivery);
        return true;
    }
}
