using Broker.Transport.Pipes;

namespace Broker.Transport.InMemory;

/// <summary>The receiving application's view of a <see cref="StreamDirection"/>.</summary>
internal sealed class DirectionReader(InMemoryLink link, StreamDirection direction, ContinuationScheduler scheduler, long abandonCode)
    : CreditedPipeReader(direction.ReceivePipe.Reader)
{
    protected override Exception? ReadFault => direction.ReadFault;

    protected override void OnConsumed(long count) =>
        link.Do(scheduler, direction, count, static (direction, count) => direction.Consume(count));

    protected override void OnCompleted() => link.Do(scheduler, direction, abandonCode, static (direction, code) =>
    {
        if (!direction.Drained)
        {
            direction.Stop(code);
        }
    });
}
