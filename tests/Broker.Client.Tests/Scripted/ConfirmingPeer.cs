using Broker.Protocol;

namespace Broker.Client.Tests.Scripted;

/// <summary>The server's end of a consume stream that keeps to the credit, confirms each SETTLE after the deliveries that it makes room for, and answers FIN.</summary>
internal sealed class ConfirmingPeer(PeerStream stream, long credit, ulong count)
{
    private ulong _delivered;
    private long _credit = credit;

    /// <summary>Delivers messages whose bodies are their tags, until all are delivered and the client has ended its side.</summary>
    public async Task RunAsync()
    {
        var settled = new Queue<SequenceRange[]>();
        do
        {
            while (_credit > 0 && _delivered < count)
            {
                _credit--;
                _delivered++;
                await stream.DeliverAsync(_delivered, $"{_delivered}");
            }

            while (settled.TryDequeue(out var ranges))
            {
                await stream.SettledAsync(ranges);
            }
        }
        while (await TakeAsync(settled));

        await stream.EndAsync();
    }

    /// <summary>Takes what has come, at least one frame. <c>false</c> at the client's FIN.</summary>
    private async Task<bool> TakeAsync(Queue<SequenceRange[]> settled)
    {
        do
        {
            if (await stream.TryReadAsync() is not { } frame)
            {
                return false;
            }

            if (frame.Type == FrameType.Credit)
            {
                _credit += (long)frame.As<CreditFrame>(FrameType.Credit, CreditFrame.TryRead).Messages;
                continue;
            }

            var ranges = new List<SequenceRange>();
            Assert.True(SettleFrame.TryRead(frame.Payload, out _, ranges, out _, out var fault), fault.Reason);
            settled.Enqueue([.. ranges]);
        }
        while (!stream.HasNoMore());

        return true;
    }
}
