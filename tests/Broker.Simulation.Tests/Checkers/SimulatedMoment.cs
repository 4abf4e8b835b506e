namespace Broker.Simulation.Tests.Checkers;

/// <summary>When something happens in a simulated history.</summary>
/// <param name="Life">Number of the node's life.</param>
/// <param name="Action">Number of the action in it.</param>
/// <param name="Milliseconds">The simulated clock, which goes on while the node is down.</param>
internal readonly record struct SimulatedMoment(int Life, int Action, long Milliseconds)
{
    public override string ToString() => $"[{Life}/{Action}]";
}
