using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;

namespace Broker.Machines.Access;

/// <summary>
/// A regular expression of names, as permissions and policies have it. It matches a name in which it occurs: <c>^</c> and <c>$</c> bind it to the beginning and the end, as in RabbitMQ.
/// </summary>
/// <remarks>
/// It is matched in time that is linear in the name, whatever the expression is, so that nobody can stop a node with one. What needs going back (look-around, back-references, atomic groups) is
/// not to be had for that; RabbitMQ has it.
/// </remarks>
public sealed class NamePattern : IEquatable<NamePattern>
{
    /// <summary>Bytes of UTF-8 that an expression may have.</summary>
    public const int MaxBytes = 1024;

    private readonly Regex? _regex; // null: it matches everything

    private NamePattern(string text, Regex? regex)
    {
        Text = text;
        _regex = regex;
    }

    /// <summary>Matches every name.</summary>
    public static NamePattern All { get; } = new(".*", null);

    /// <summary>Matches only the empty name.</summary>
    public static NamePattern Nothing { get; } = new("", new Regex("^$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));

    /// <summary>The expression as it was given.</summary>
    public string Text { get; }

    /// <summary>Reads the pattern of a permission, of which an empty one matches only the empty name.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="pattern">The pattern.</param>
    /// <param name="problem">What is wrong with it, and what would be right.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out NamePattern? pattern, [NotNullWhen(false)] out string? problem) =>
        TryParse(text, text, out pattern, out problem);

    /// <summary>Reads a pattern whose variables were replaced.</summary>
    /// <param name="text">The expression as it was given.</param>
    /// <param name="expression">The expression with the values of its variables.</param>
    /// <param name="pattern">The pattern.</param>
    /// <param name="problem">What is wrong with it, and what would be right.</param>
    public static bool TryParse(string text, string expression, [NotNullWhen(true)] out NamePattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(expression);
        pattern = null;
        problem = null;
        if (Encoding.UTF8.GetByteCount(text) > MaxBytes)
        {
            problem = $"a pattern has at most {MaxBytes} bytes";
            return false;
        }

        if (expression is "" or ".*" or "^.*" or ".*$" or "^.*$")
        {
            pattern = expression.Length == 0 ? Nothing : new NamePattern(text, null);
            return true;
        }

        try
        {
            pattern = new NamePattern(text, new Regex(expression, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));
            return true;
        }
        catch (RegexParseException e)
        {
            problem = $"'{text}' is no regular expression: {e.Message}";
        }
        catch (NotSupportedException)
        {
            problem = $"'{text}' needs look-around, a back-reference or an atomic group, or is too large; use what is matched from left to right, such as '^app\\..*'";
        }

        return false;
    }

    /// <summary>Whether the pattern occurs in a name.</summary>
    public bool Matches(string name) => _regex?.IsMatch(name) ?? true;

    /// <inheritdoc/>
    public bool Equals(NamePattern? other) => other is not null && other.Text == Text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NamePattern);

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Text;
}
